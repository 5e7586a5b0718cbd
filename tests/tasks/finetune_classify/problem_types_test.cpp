// Classifiers of every problem_type, against what transformers' pipeline makes of their logits
// (tests/golden/make_adapter_golden.py).

#include <gtest/gtest.h>
#include <torch/types.h>

#include <sstream>

#include "support/support.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/classify_evaluation.h"
#include "tasks/classify/decision.h"
#include "tasks/classify/explain.h"
#include "weights/golden_models.h"
#include "weights/small_models.h"
#include "weights/tensor_files.h"

namespace gptkit {
namespace {

using test::edit_json;
using test::expect_error;
using test::ScratchFolder;

const Json& classifiers() {
  static const Json all = test::golden_file("classifiers.json");
  return all;
}

class ProblemTypes : public testing::TestWithParam<const char*> {
 protected:
  std::string write(const std::string& name) {
    const auto& entry = classifiers().at(name);
    write_file_atomic(folder_ / "config.json", dump_json(entry.at("config")));
    save_tensors(folder_ / "model.safetensors", test::golden_tensors(entry.at("shapes")));
    test::letters()->save(folder_.path());
    return folder_.path().string();
  }
  /// The classify program's output for some texts.
  std::string output(ClassifyConfig config, const ClassifyRequest& request) {
    config.model.text = folder_.path().string();
    config.precision = Precision::kFloat32;
    config.device = "cpu";
    std::ostringstream out;
    run_classify(config, request, out);
    return out.str();
  }
  ScratchFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(OfTransformers, ProblemTypes,
                         testing::Values("gpt2-single", "gpt2-multi", "gpt2-one", "gpt2-value",
                                         "llama-single", "llama-values", "qwen2-multi",
                                         "mistral-single"),
                         test::test_name);

TEST_P(ProblemTypes, GiveTheScoresOfThePipeline) {
  const auto& entry = classifiers().at(GetParam());
  const auto check = [&](const TextClassifier& model) {
    std::vector<std::vector<TokenId>> rows;
    for (const auto& ids : entry.at("ids")) rows.push_back(ids.get<std::vector<TokenId>>());
    const auto scores = class_scores(class_logits(model, rows), model.problem_type);
    for (size_t row = 0; row < rows.size(); ++row) {
      const auto want = entry.at("scores").at(row).get<std::vector<double>>();
      EXPECT_TRUE(torch::allclose(scores[static_cast<int64_t>(row)],
                                  torch::tensor(want, torch::kFloat64), 1e-4, 1e-5))
          << scores << entry.at("scores");
    }
  };
  const auto model = load_text_classifier(write(GetParam()));
  check(model);
  // And as it is saved here.
  const auto again = folder_ / "again";
  fs::create_directory(again);
  save_text_classifier(again, model);
  if (model.skips_padding) check(load_text_classifier(again.string()));
  EXPECT_EQ(load_text_classifier(again.string()).problem_type, model.problem_type);
}

TEST_F(ProblemTypes, AreRefusedByNameWhereTheyAreNotKnown) {
  write("gpt2-multi");
  edit_json(folder_ / "config.json", [](Json& json) { json["problem_type"] = "ranking"; });
  expect_error([&] { load_text_classifier(folder_.path().string()); },
               "config.json: problem_type 'ranking' is not supported");
  write("gpt2-one");
  edit_json(folder_ / "config.json",
            [](Json& json) { json["problem_type"] = "single_label_classification"; });
  expect_error([&] { load_text_classifier(folder_.path().string()); }, "needs two labels or more");
}

TEST_F(ProblemTypes, MultiLabelOutputHasEveryLabelFromItsThresholdOn) {
  write("gpt2-multi");
  const auto json = parse_json(output({}, {.texts = {"the fox"}, .json = true}), "output");
  const auto p = json.at("probabilities").get<std::map<std::string, double>>();
  ASSERT_EQ(p.size(), 3u);
  std::vector<std::string> chosen;
  for (const auto& [label, probability] : p) {
    if (probability >= 0.5) chosen.push_back(label);
  }
  EXPECT_EQ(json.at("labels"), Json(chosen));
  EXPECT_EQ(json.at("problem_type"), "multi_label_classification");

  ClassifyConfig config;
  config.threshold = 1;
  config.thresholds = {"LABEL_1=0"};
  EXPECT_TRUE(output(config, {.texts = {"the fox"}}).starts_with("LABEL_1\t"));
  config.thresholds = {"LABEL_9=0"};
  expect_error([&] { output(config, {.texts = {"x"}}); }, "'LABEL_9' is not one of the labels");
  config.thresholds = {"LABEL_1=2"};
  expect_error([&] { output(config, {.texts = {"x"}}); }, "expected a probability, 0 to 1");
  config.thresholds.clear();
  config.positive = "LABEL_1";
  expect_error([&] { output(config, {.texts = {"x"}}); }, "this model's labels are independent");
}

TEST_F(ProblemTypes, RegressionOutputIsTheValue) {
  write("gpt2-value");
  const auto json = parse_json(output({}, {.texts = {"the fox"}, .json = true}), "output");
  EXPECT_EQ(json.at("value"), json.at("values").at("LABEL_0"));
  EXPECT_FALSE(json.contains("probability"));
  ClassifyConfig config;
  config.threshold = 0.3;
  expect_error([&] { output(config, {.texts = {"x"}}); }, "this model is a regression");
}

TEST_F(ProblemTypes, EvaluationComparesSetsOfLabelsAndValues) {
  write("gpt2-multi");
  ClassifyConfig config;
  config.evaluate = true;
  config.input = folder_ / "rows.tsv";
  write_file_atomic(config.input, "label\ttext\nLABEL_0,LABEL_2\tthe fox\n\tdogs\n");
  config.columns.text_column = "text";
  const auto sets = parse_json(output(config, {.json = true}), "output");
  EXPECT_EQ(sets.at("rows"), 2);
  EXPECT_EQ(sets.at("classes").at("LABEL_2").at("rows"), 1);
  write("gpt2-value");
  write_file_atomic(config.input, "label\ttext\n0.5\tthe fox\n-1\tdogs\n");
  const auto values = parse_json(output(config, {.json = true}), "output");
  EXPECT_GT(values.at("mean_squared_error"), 0);
  write_file_atomic(config.input, "label\ttext\nspam\tthe fox\n");
  expect_error([&] { output(config, {}); }, "label 'spam' is not a number");
}

TEST_F(ProblemTypes, AnExplanationAddsUpInTheLabelsOwnUnits) {
  write("gpt2-multi");
  const auto model = load_text_classifier(folder_.path().string());
  const auto p = classify(model, {"the fox"}).front().probabilities;
  const auto why = explain(model, "the fox", 1);
  EXPECT_NEAR(why.log_odds, std::log(p[1] / (1 - p[1])), 1e-9);
}

}  // namespace
}  // namespace gptkit
