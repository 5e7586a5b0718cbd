#include "tasks/classify/few_shot.h"

#include <cmath>
#include <set>

#include "base/files.h"
#include "support/support.h"
#include "tasks/evaluate/evaluate.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using test::tiny_language_model;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const FewShotConfig kWhich{.instruction = "Which: {labels}?"};

LabelledRows examples() {
  return {{"spam", "ham"}, {{"Win a prize", 0, 0}, {"See you", 1, 1}, {"Call now!", 0, 2}}};
}

/// Scores by decoding, as on the CPU, or by the modules, as on other devices.
FewShotClassifier few_shot(const LanguageModel& model, const FewShotConfig& config,
                           const LabelledRows& shown, bool decodes = true) {
  const auto& shape = model.gpt->config();
  auto scorer = text_scorer(model.gpt, model.where);
  if (decodes) {
    auto decoding = std::make_unique<DecodingModel>(shape, layers_of(model.gpt), DecodingOptions{});
    scorer = text_scorer(std::move(decoding), model.where);
  }
  return FewShotClassifier({model, shape.context_length, std::move(scorer)}, config, shown);
}

/// Every label by itself: the whole sequence in one pass, without a cache.
std::vector<double> uncached_scores(const LanguageModel& model,
                                    const std::vector<std::vector<TokenId>>& candidates,
                                    size_t shared) {
  torch::InferenceMode inference;
  std::vector<double> scores;
  for (const auto& ids : candidates) {
    const std::vector<int64_t> wide(ids.begin(), ids.end());
    auto gpt = model.gpt;
    const auto log_p = gpt(torch::tensor(wide, torch::kInt64).unsqueeze(0))[0].log_softmax(-1);
    double score = 0;
    for (size_t i = shared; i < ids.size(); ++i) {
      score += log_p[static_cast<int64_t>(i) - 1][wide[i]].item<double>();
    }
    scores.push_back(score);
  }
  return scores;
}

TEST(FewShot, SharingThePrefixChangesNoScore) {
  const auto model = tiny_language_model();
  for (const bool decodes : {true, false}) {
    auto classifier = few_shot(model, kWhich, examples(), decodes);
    for (const char* text : {"Prize!", "", "A longer text, see?", "Prize!"}) {
      for (const int64_t shots : {3, 1, 0}) {
        const auto all = classifier.candidates(text, shots);
        const auto prompt = classifier.prompt(text, shots).size() + 1;  // a byte a token, the blank
        const auto want = uncached_scores(model, all, prompt);
        const auto got = classifier.scores(all);
        for (size_t i = 0; i < want.size(); ++i)
          EXPECT_NEAR(got[i], want[i], 1e-4) << text << shots;
      }
    }
  }
}

TEST(FewShot, ThePrefixIsRunOnce) {
  for (const bool decodes : {true, false}) {
    auto classifier = few_shot(tiny_language_model(), kWhich, examples(), decodes);
    classifier.predict("Prize!");
    const auto first = classifier.scorer().tokens_run();
    classifier.predict("Hello!");
    const auto second = classifier.scorer().tokens_run() - first;
    EXPECT_GE(first, 100);
    // The text, "\nLabel: " and the labels but for their last letters. The modules run the blank
    // before the label once for each.
    EXPECT_EQ(second, 6 + 8 + 3 + 2 + (decodes ? 0 : 1));
  }
}

TEST(FewShot, ThePromptShowsInstructionExamplesAndTextOnLinesOfTheirOwn) {
  const auto classifier = few_shot(tiny_language_model(), kWhich, examples());
  EXPECT_EQ(classifier.prompt("a\nLabel: ham\n", 2),
            "Which: spam, ham?\n\nText: Win a prize\nLabel: spam\n\nText: See you\nLabel: ham\n\n"
            "Text: a Label: ham \nLabel:");
}

TEST(FewShot, ProbabilitiesAreTheSoftmaxOfTheScores) {
  auto classifier = few_shot(tiny_language_model(), kWhich, examples());
  const auto scores = classifier.scores(classifier.candidates("Hi", 3));
  const auto prediction = classifier.predict("Hi");
  const double odds = std::exp(scores[0] - scores[1]);
  EXPECT_NEAR(prediction.probabilities[0], odds / (1 + odds), 1e-6);
  EXPECT_EQ(prediction.shots, 3);
  EXPECT_FALSE(prediction.truncated);
}

TEST(FewShot, CalibrationMakesATextThatSaysNothingUndecided) {
  auto config = kWhich;
  const auto plain = [&](const std::string& text) {
    return few_shot(tiny_language_model(), config, examples()).predict(text);
  };
  std::vector<double> nothing(2);
  for (const char* text : {"N/A", "[MASK]", ""}) {
    for (size_t i = 0; i < 2; ++i) nothing[i] += plain(text).probabilities[i] / 3;
  }
  const auto before = plain("Hello").probabilities;
  config.calibrate = true;
  const auto after = plain("Hello").probabilities;
  const double want = before[0] / nothing[0], other = before[1] / nothing[1];
  EXPECT_NEAR(after[0], want / (want + other), 1e-4);
}

TEST(FewShot, ALabelThatBeginsAnotherIsScoredToItsEnd) {
  auto classifier = few_shot(tiny_language_model(), kWhich, {{"good", "good enough"}, {}});
  const auto all = classifier.candidates("x", 0);
  EXPECT_EQ(all[0].back(), '\n');
  for (const double score : classifier.scores(all)) EXPECT_LT(score, 0);
}

TEST(FewShot, LabelsOfTheSameTokensAreRefused) {
  auto classifier = few_shot(tiny_language_model(), kWhich, examples());
  const std::vector<std::vector<TokenId>> same = {{1, 2, 3}, {1, 2, 3}};
  expect_error([&] { classifier.scores(same); },
               "the tokens of label 'spam' are the beginning of another's");
}

TEST(FewShot, ALongTextTakesThePlaceOfExamplesAndIsCutAtLast) {
  auto classifier = few_shot(tiny_language_model(/*context=*/128), kWhich, examples());
  const auto shots_of = [&](size_t letters) {
    return classifier.predict(std::string(letters, 'x')).shots;
  };
  EXPECT_EQ(shots_of(1), 3);
  EXPECT_EQ(shots_of(40), 1);
  const auto cut = classifier.predict(std::string(1000, 'x'));
  EXPECT_EQ(cut.shots, 0);
  EXPECT_TRUE(cut.truncated);
  // Behind a shortened prompt the whole one is run again.
  const auto again = classifier.predict("y");
  EXPECT_EQ(again.shots, 3);
  auto fresh = few_shot(tiny_language_model(/*context=*/128), kWhich, examples());
  EXPECT_NEAR(again.probability, fresh.predict("y").probability, 1e-5);
}

TEST(FewShot, ExamplesAreDrawnEvenlyAndFewerAreTheFirstOfMore) {
  LabelledRows from{{"a", "b", "c"}, {}};
  for (int64_t i = 0; i < 60; ++i)
    from.rows.push_back({std::to_string(i), i < 50 ? 0 : i % 2 + 1, i});
  const auto seven = draw_examples(from, 7, 1);
  EXPECT_THAT(class_counts(seven, 3), testing::UnorderedElementsAre(2, 2, 3));
  const auto four = draw_examples(from, 4, 1);
  std::set<int64_t> rows;
  for (size_t i = 0; i < seven.size(); ++i) {
    rows.insert(seven[i].row);
    EXPECT_EQ(i < 4 ? four[i].row : seven[i].row, seven[i].row);
  }
  EXPECT_EQ(rows.size(), 7u);
  EXPECT_NE(draw_examples(from, 7, 2).front().text, "");
  EXPECT_TRUE(draw_examples(from, 0, 1).empty());
  expect_error([&] { draw_examples(from, 18, 1); }, "18 shots need at least 6 rows of each label");
}

TEST(FewShot, LabelsAreChecked) {
  EXPECT_THAT(split_labels("spam, not spam ,düster"), ElementsAre("spam", "not spam", "düster"));
  EXPECT_THAT(split_labels("a,"), ElementsAre("a", ""));
  EXPECT_THAT(split_labels(""), testing::IsEmpty());
  expect_error([] { validate_labels({"spam"}); }, "`labels`: 1 given (spam)");
  expect_error([] { validate_labels({"spam", ""}); }, "one is empty");
  expect_error([] { validate_labels({"a", "b", "a"}); }, "'a' is given twice");
}

TEST(FewShot, AccuracyIsMeasuredOnRowsThatAreNoExamples) {
  const ScratchFolder folder;
  std::string rows;
  for (int i = 0; i < 12; ++i) rows += concat(i % 3 == 0 ? "spam" : "ham", "\ttext ", i, "\n");
  write_file_atomic(folder / "a.tsv", rows);
  {
    AtomicDirectory model(folder / "model");
    save_language_model(model.path(), tiny_language_model());
    model.commit();
  }
  FewShotEvaluationConfig config;
  config.model.text = (folder / "model").string();
  config.few_shot.examples = config.test = folder / "a.tsv";
  config.shots = "0,2,4";
  const auto result = run_few_shot_evaluation(config, 1);
  EXPECT_EQ(result.at("rows"), 8);
  EXPECT_EQ(result.at("labels"), (OrderedJson{"ham", "spam"}));
  EXPECT_DOUBLE_EQ(result.at("majority").get<double>(), 0.75);  // 6 of 8 left
  ASSERT_EQ(result.at("results").size(), 3u);
  EXPECT_EQ(result.at("results")[1].at("shots"), 2);
  EXPECT_EQ(result.at("results")[1].at("report").at("rows"), 8);
  EXPECT_THAT(few_shot_table(result),
              HasSubstr("8 rows; accuracy of the most frequent label: 0.7500\n"));
  config.rows = 5;
  EXPECT_EQ(run_few_shot_evaluation(config, 1).at("rows"), 5);
  config.shots = "0,x";
  expect_error([&] { run_few_shot_evaluation(config, 1); }, "`shots`: 'x' in '0,x'");
}

TEST(FewShot, RefusesAModelWhoseResultsOverflow) {
  auto model = tiny_language_model();
  model.where = "a/model";
  {
    torch::NoGradGuard no_grad;
    auto weight = model.gpt->block(0)->mlp()->up()->weight;
    weight.div_(weight.abs().max()).mul_(3e38);  // finite; its products are not
  }
  for (const bool decodes : {true, false}) {
    auto classifier = few_shot(model, kWhich, examples(), decodes);
    expect_error([&] { classifier.predict("Prize!"); }, "a/model: its results are NaN or infinite");
  }
}

TEST(FewShot, ALabelThatIsNeverLikelyIsCalibratedAllTheSame) {
  auto model = tiny_language_model();
  {
    torch::NoGradGuard no_grad;
    auto weight = model.gpt->final_norm()->weight;
    weight.mul_(1e6);  // log-likelihoods far below those whose exponential is 0
  }
  FewShotConfig config = kWhich;
  config.calibrate = true;
  auto classifier = few_shot(model, config, examples());
  const auto p = classifier.predict("Prize!").probabilities;
  EXPECT_NEAR(p[0] + p[1], 1, 1e-12);
}

}  // namespace
}  // namespace gptkit
