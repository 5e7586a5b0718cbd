#include "tasks/classify/explain.h"

#include <cmath>
#include <numeric>

#include "support/support.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/explain_view.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using test::tiny_classifier;
using testing::HasSubstr;
using testing::Not;

double log_odds(const Prediction& prediction, int64_t label) {
  const double p = prediction.probabilities[static_cast<size_t>(label)];
  return std::log(p / (1 - p));
}

constexpr double kSame = 1e-5;  // batches of other sizes add up in another order

class Explain : public testing::TestWithParam<Pooling> {};
INSTANTIATE_TEST_SUITE_P(Poolings, Explain,
                         testing::Values(Pooling::kLastToken, Pooling::kLastPosition,
                                         Pooling::kMean),
                         [](const auto& instance) {
                           return instance.param == Pooling::kLastToken      ? "LastToken"
                                  : instance.param == Pooling::kLastPosition ? "LastPosition"
                                                                             : "Mean";
                         });

TEST_P(Explain, LeaveOneOutIsTheDifferenceToTheTextWithoutTheToken) {
  const auto model = tiny_classifier({.pooling = GetParam()});
  const std::string text = "Win a prize";
  for (const int64_t batch_size : {1, 4, 64}) {
    const auto explanation = explain(model, text, 1, {.batch_size = batch_size});
    EXPECT_NEAR(explanation.log_odds, log_odds(classify(model, {text})[0], 1), kSame);
    ASSERT_EQ(explanation.contributions.size(), text.size());
    for (size_t i = 0; i < text.size(); ++i) {
      auto without = text;
      without.erase(i, 1);
      EXPECT_NEAR(explanation.contributions[i],
                  explanation.log_odds - log_odds(classify(model, {without})[0], 1), kSame)
          << i;
    }
  }
}

TEST_P(Explain, TheGradientIsThatOfMovingTheEmbedding) {
  // Contribution i is d/ds of the log-odds when the embedding of token i is scaled by s, at s = 1;
  // each byte of the text is there once, so that scaling its row moves this token alone.
  auto model = tiny_classifier({.pooling = GetParam()});
  const std::string text = "Win ap";
  const auto explanation = explain(model, text, 0, {.method = ExplainMethod::kGradient});
  ASSERT_EQ(explanation.contributions.size(), text.size());
  torch::NoGradGuard no_grad;
  auto table = model.classifier->gpt()->token_embedding()->weight;
  const double step = 1e-2;
  for (size_t i = 0; i < text.size(); ++i) {
    auto row = table[static_cast<unsigned char>(text[i])];
    const auto before = row.clone();
    const auto moved = [&](double scale) {
      row.copy_(before * scale);
      return log_odds(classify(model, {text})[0], 0);
    };
    const double slope = (moved(1 + step) - moved(1 - step)) / (2 * step);
    row.copy_(before);
    EXPECT_NEAR(explanation.contributions[i], slope, 1e-3 + 0.01 * std::abs(slope)) << i;
  }
}

TEST_P(Explain, TheModelIsAsItWasAfterwards) {
  const auto model = tiny_classifier({.pooling = GetParam()});
  const auto before = classify(model, {"Win a prize"})[0];
  explain(model, "See you", 2, {.method = ExplainMethod::kGradient});
  EXPECT_EQ(classify(model, {"Win a prize"})[0].probabilities, before.probabilities);
  for (const auto& parameter : model.classifier->parameters()) {
    EXPECT_FALSE(parameter.grad().defined());
  }
}

TEST(ExplainTexts, TheTokenBeforeEveryTextIsNotExplained) {
  const auto model = tiny_classifier({.begin_of_text = true});
  for (const auto method : {ExplainMethod::kLeaveOneOut, ExplainMethod::kGradient}) {
    const auto explanation = explain(model, "abc", 0, {.method = method});
    EXPECT_THAT(explanation.ids, testing::ElementsAre('a', 'b', 'c'));
    EXPECT_EQ(explanation.contributions.size(), 3u);
    EXPECT_TRUE(explain(model, "", 0, {.method = method}).contributions.empty());
  }
}

TEST(ExplainTexts, ATextOfOneTokenIsComparedWithTheEmptyText) {
  const auto model = tiny_classifier();
  const auto explanation = explain(model, "a", 0);
  const auto both = classify(model, {"a", ""});
  EXPECT_NEAR(explanation.contributions[0], log_odds(both[0], 0) - log_odds(both[1], 0), kSame);
}

TEST(ExplainTexts, OnlyWhatTheClassifierReadIsExplained) {
  const auto model = tiny_classifier({.max_tokens = 5});
  const auto cut = explain(model, "abcdefgh", 0), whole = explain(model, "abcde", 0);
  EXPECT_EQ(cut.ids, whole.ids);
  EXPECT_EQ(cut.contributions, whole.contributions);
  expect_error([&] { explain(model, "a", 3); }, "class 3 is none of the classifier's 3");
}

TEST(ExplainTexts, TokensThatShareACharacterAreShownAsOne) {
  const auto model = tiny_classifier();
  const auto explanation = explain(model, "aé\xff😀", 0);
  const auto pieces = to_pieces(*model.tokenizer, explanation);
  ASSERT_EQ(pieces.size(), 4u);
  EXPECT_EQ(pieces[0].text, "a");
  EXPECT_EQ(pieces[1].text, "é");
  EXPECT_EQ(pieces[1].ids.size(), 2u);
  EXPECT_DOUBLE_EQ(pieces[1].contribution,
                   explanation.contributions[1] + explanation.contributions[2]);
  EXPECT_EQ(pieces[2].text, "\xEF\xBF\xBD");
  EXPECT_EQ(pieces[3].text, "😀");
}

std::vector<ExplainedPiece> pieces() {
  return {{"You <b>", {1}, 0.5}, {"\x1b[31m\n", {2}, -1}, {"&amp;", {3}, 0.001}};
}

TEST(ExplainView, ATextCannotSteerTheTerminal) {
  const auto shown = to_terminal(pieces());
  EXPECT_THAT(shown, HasSubstr("\\x1b[31m\\n"));
  EXPECT_THAT(shown, HasSubstr("48;2;255;85;85m"));       // the strongest, against
  EXPECT_THAT(shown, HasSubstr("48;2;160;235;160m"));     // half as strong, for
  EXPECT_THAT(shown, testing::EndsWith("\033[0m&amp;"));  // too weak for a colour
  EXPECT_EQ(escaped_for_terminal("a\xC2\x9B"
                                 "b\x7F"),
            "a\\x9bb\\x7f");
  EXPECT_EQ(to_line(pieces()), "\"You <b>\"+0.500 \"\\x1b[31m\\n\"-1.000 \"&amp;\"+0.001");
}

TEST(ExplainView, APageHoldsItsTextsEscapedAndNothingFromOutside) {
  const ScratchFolder folder;
  const auto path = folder / "why.html";
  {
    ExplainPage page(path, {"runs/<spam>", "leave-one-out"});
    page.add("\"label\"", 0.75, pieces(), /*truncated=*/true);
    EXPECT_FALSE(fs::exists(path));
    page.finish();
  }
  const auto html = read_file(path);
  EXPECT_THAT(html, HasSubstr("You &lt;b&gt;"));
  EXPECT_THAT(html, HasSubstr("\uFFFD[31m\n"));
  EXPECT_THAT(html, HasSubstr("&amp;amp;"));
  EXPECT_THAT(html, HasSubstr("runs/&lt;spam&gt;"));
  EXPECT_THAT(html, HasSubstr("&quot;label&quot;</b> 0.7500, cut"));
  EXPECT_THAT(html, HasSubstr("title=\"+0.5000\" class=\"for\" style=\"--strength:0.40\""));
  for (const char* outside : {"<script", "http://", "https://", "src=", "href="}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
  ExplainPage(folder / "left.html", {"m", "x"}).add("a", 1, pieces(), false);
  EXPECT_FALSE(fs::exists(folder / "left.html"));
}

}  // namespace
}  // namespace gptkit
