#include "baselines/trigger_words.h"

#include <cmath>

#include "support/support.h"

namespace gptkit {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> words_of(const std::vector<TriggerWord>& triggers) {
  std::vector<std::string> words;
  for (const auto& trigger : triggers) words.push_back(trigger.word);
  return words;
}

/// 20 texts a class; "offer" and "meet" belong to one, "today" to both, "lucky" occurs twice.
std::vector<std::vector<TriggerWord>> learn(int64_t per_class) {
  std::vector<std::string> texts;
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 20; ++i) {
    texts.push_back(i < 16 ? "meet me today" : "today");
    texts.push_back(i < 2 ? "OFFER today lucky" : i < 18 ? "offer today, offer" : "meet");
    labels.insert(labels.end(), {0, 1});
  }
  return learn_trigger_words(texts, labels, 2, per_class);
}

TEST(TriggerWords, AreWordsThatTellTheClassesApart) {
  const auto triggers = learn(10);
  EXPECT_THAT(words_of(triggers[0]), ElementsAre("me", "meet"));
  EXPECT_THAT(words_of(triggers[1]), ElementsAre("offer"));
  // 18 of 20 against 0 of 20, with halves
  EXPECT_NEAR(triggers[1][0].log_odds, std::log(18.5 / 2.5) - std::log(0.5 / 20.5), 1e-12);
  EXPECT_THAT(words_of(learn(1)[0]), ElementsAre("me"));
}

TEST(TriggerWords, NoneAreFoundInTextsThatDoNotDiffer) {
  const std::vector<std::string> texts = {"aa bb", "aa bb", ""};
  const std::vector<int64_t> labels = {0, 1, 1};
  const auto triggers = learn_trigger_words(texts, labels, 3, 10);
  EXPECT_THAT(triggers, ElementsAre(IsEmpty(), IsEmpty(), IsEmpty()));
}

TEST(HandMadeFeatures, AreCountsAndShares) {
  const HandMadeFeatures features({{{"tea", 2}}, {{"win", 3}, {"tea", 1}}});
  EXPECT_EQ(features.size(), 7);
  const auto ln = [](double n) { return DoubleNear(std::log(n), 1e-12); };
  EXPECT_THAT(features("WIN tea, win"), ElementsAre(ln(2), ln(4), 0, 0, ln(13), 3.0 / 9, 0));
  EXPECT_THAT(features("Go!! http://www.a.b HTTPS://c www.d 12"),
              ElementsAre(0, 0, ln(3), ln(4), ln(39), 6.0 / 21, 2.0 / 38));
}

TEST(HandMadeFeatures, TakeAnyText) {
  const HandMadeFeatures features({{}, {}});
  EXPECT_THAT(features(""), ElementsAre(0, 0, 0, 0, 0, 0, 0));
  for (const auto& text : {std::string(1 << 20, '!'), std::string(9, '\0'), std::string("\xFF\xE2"),
                           std::string("ⒶⒷ Ǆ"), std::string("www.")}) {
    for (const double value : features(text)) {
      EXPECT_TRUE(std::isfinite(value) && value >= 0) << text.substr(0, 20);
    }
  }
}

}  // namespace
}  // namespace gptkit
