#include "tasks/classify/labeller.h"

#include "support/support.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

TEST(Labeller, AFinetunedClassifierGivesItsPredictionsAndRefusesLongTexts) {
  const test::ScratchFolder folder;
  auto model = test::tiny_classifier({.max_tokens = 4});
  model.truncate = Truncate::kRefuse;
  save_text_classifier(folder.path(), model);
  ClassifyConfig config;
  config.model = {folder.path().string()};
  config.precision = Precision::kFloat32;

  const auto labeller = make_labeller(config);
  EXPECT_EQ(labeller->labels(), model.labels);
  const auto found = labeller->predict({"abc"}), want = classify(model, {"abc"});
  EXPECT_EQ(found[0].probabilities, want[0].probabilities);
  EXPECT_EQ(labeller->refusal("abcd"), "");
  EXPECT_THAT(labeller->refusal("abcde"), testing::HasSubstr("5 tokens, more than"));
  EXPECT_NE(labeller->classifier(), nullptr);
}

TEST(Labeller, LabelsInTheSettingsAskForALanguageModel) {
  const test::ScratchFolder folder;
  save_language_model(folder.path(), test::tiny_language_model());
  ClassifyConfig config;
  config.model = {folder.path().string()};
  config.few_shot.labels = "spam,ham";

  const auto labeller = make_labeller(config);
  EXPECT_THAT(labeller->labels(), testing::ElementsAre("spam", "ham"));
  EXPECT_EQ(labeller->classifier(), nullptr);
  EXPECT_EQ(labeller->predict({"a text"})[0].shots, 0);
}

}  // namespace
}  // namespace gptkit
