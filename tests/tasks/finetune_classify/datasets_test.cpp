#include "tasks/finetune_classify/datasets.h"

#include "base/files.h"
#include "support/support.h"
#include "tasks/classify/classify.h"
#include "tasks/finetune_classify/trust_report.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::tiny_classifier;
using testing::HasSubstr;

ClassificationData four_rows() {
  ClassificationData data;
  data.labels = {"ham", "spam", "other one"};
  data.train = {{"see you", 0, 0}, {"win a prize", 1, 1}, {"x", 2, 2}};
  data.validation = {{"a text longer than those of training", 1, 0}};
  return data;
}

TEST(ClassifyDatasets, AreCutToTheLengthOfTheTrainingTexts) {
  const auto model = tiny_classifier();
  const auto sets = make_datasets(four_rows(), model, /*context_length=*/32, {});
  EXPECT_EQ(sets.train->max_length(), 11);  // "win a prize", a token per byte
  EXPECT_EQ(sets.validation->max_length(), 11);
  EXPECT_EQ(sets.validation->truncated(), 1);
  EXPECT_EQ(sets.validation->ids().front().size(), 11u);
  EXPECT_EQ(sets.test, nullptr);
}

TEST(ClassifyDatasets, ATestTextThatIsTooLongIsRefusedBeforeTheTraining) {
  auto data = four_rows();
  data.validation = data.train;
  data.test = {{"a text longer than those of training", 1, 7}};
  const auto model = tiny_classifier();
  ClassifierConfig config;
  config.truncate = Truncate::kRefuse;
  expect_error([&] { make_datasets(data, model, 32, config); }, "row 7 has");
}

TEST(ClassifyDatasets, TheFingerprintIsOfTokensLabelsAndWeights) {
  const auto model = tiny_classifier();
  auto data = four_rows();
  const auto print = [&](const std::vector<double>& weights) {
    return fingerprint_of(data, make_datasets(data, model, 32, {}), *model.tokenizer, weights);
  };
  const auto before = print({});
  EXPECT_EQ(print({}), before);
  EXPECT_NE(print({1, 2, 3}), before);
  data.train[0].label = 1;
  EXPECT_NE(print({}), before);
}

TEST(ClassifyDatasets, RareClassesHaveLargeLossWeights) {
  const auto data = four_rows();
  EXPECT_TRUE(loss_weights(data, Balance::kNone).empty());
  EXPECT_EQ(loss_weights(data, Balance::kWeights), (std::vector<double>{1, 1, 1}));
}

TEST(TrustReport, PredictionsOfADatasetAreThoseOfItsTexts) {
  auto model = tiny_classifier();
  const auto data = four_rows();
  const auto sets = make_datasets(data, model, 32, {});
  model.max_tokens = sets.train->max_length();
  const auto split = predict_split(model, "train", data.train, *sets.train, Precision::kFloat32);
  const auto want = classify(model, {"see you", "win a prize", "x"});
  ASSERT_EQ(split.probabilities.size(), want.size());
  for (size_t row = 0; row < want.size(); ++row) {
    EXPECT_EQ(split.probabilities[row], want[row].probabilities) << row;
  }
  EXPECT_EQ(split.truth, (std::vector<int64_t>{0, 1, 2}));
}

TEST(TrustReport, SettingsAreChecked) {
  TrustReportConfig config;
  validate(config, {"ham", "spam"});
  config.target_precision = 1.5;
  expect_error([&] { validate(config, {"ham", "spam"}); }, "`report.target_precision`: 1.5");
  config = {.positive = "eggs"};
  expect_error([&] { validate(config, {"ham", "spam"}); }, "'eggs'");
}

TEST(TrustReport, ComparesWithBaselinesTrainedOnTheSameTexts) {
  auto model = tiny_classifier();
  const auto data = four_rows();
  const auto sets = make_datasets(data, model, 32, {});
  ClassifierReportInput input{.model_name = "tiny"};
  input.splits = {predict_split(model, "train", data.train, *sets.train, Precision::kFloat32)};
  const auto report = make_trust_report(model, {}, input, {});
  EXPECT_EQ(report.baselines.size(), 4u);  // the constant answer, and three that are trained
  TrustReportConfig without;
  without.baselines = false;
  EXPECT_EQ(make_trust_report(model, without, input, {}).baselines.size(), 1u);

  const test::ScratchFolder folder;
  write_trust_report(report, folder.path());
  EXPECT_THAT(read_file(folder / "report.html"), HasSubstr("Classifier report"));
  EXPECT_THAT(read_file(folder / "report.json"), HasSubstr("\"accuracy\""));
  EXPECT_THAT(read_file(folder / "report.txt"), HasSubstr("accuracy"));
}

}  // namespace
}  // namespace gptkit
