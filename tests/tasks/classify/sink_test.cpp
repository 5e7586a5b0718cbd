#include "tasks/classify/sink.h"

#include <sstream>

#include "support/support.h"
#include "tasks/classify/classify_evaluation.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::HasSubstr;

const std::vector<std::string> kLabels = {"ham", "spam"};

class FixedLabeller : public Labeller {
 public:
  const std::vector<std::string>& labels() const override { return kLabels; }
  std::vector<Prediction> predict(const std::vector<std::string>& texts) override {
    return std::vector<Prediction>(texts.size(), prediction_of({0.25, 0.75}));
  }
};

std::string written(const ClassifyConfig& config, const ClassifyRequest& request,
                    const TableRow& row) {
  FixedLabeller labeller;
  std::ostringstream out;
  const auto sink = make_sink(config, request, labeller, /*numbered=*/true, out);
  sink->check(row);
  sink->take(row, labeller.predict({row.text}).front());
  sink->finish(0);
  return out.str();
}

TEST(Sink, WritesLabelProbabilityAndText) {
  EXPECT_EQ(written({}, {}, {.text = "a\tb\x1b"}), "spam\t0.7500\ta\\tb\\x1b\n");
}

TEST(Sink, WritesAnObjectPerText) {
  EXPECT_EQ(
      written({}, {.json = true}, {.text = "x", .row = 3}),
      "{\"label\":\"spam\",\"probability\":0.75,\"probabilities\":{\"ham\":0.25,\"spam\":0.75}"
      ",\"truncated\":false,\"row\":3,\"text\":\"x\"}\n");
}

TEST(Sink, ComparesWithTheLabelsOfTheRows) {
  ClassifyConfig config;
  config.evaluate = true;
  config.input = "rows.tsv";
  EXPECT_THAT(written(config, {}, {.label = "spam", .text = "x"}), HasSubstr("accuracy 1.0000"));
  EXPECT_THAT(written(config, {.json = true}, {.label = "ham", .text = "x"}),
              HasSubstr("\"skipped\":0"));
  expect_error([&] { written(config, {}, {.label = "eggs", .text = "x", .line = 4}); },
               "rows.tsv:4: label 'eggs'");
}

TEST(Evaluation, OfAMultiLabelModelReadsSetsOfLabels) {
  const auto evaluation = make_evaluation("rows.tsv", kLabels, ProblemType::kMultiLabel);
  Prediction both = prediction_of({0.9, 0.8});
  both.labels = {0, 1};
  evaluation->add({.label = "spam, ham"}, both);
  evaluation->add({.label = R"(["ham", "spam"])"}, both);
  EXPECT_EQ(evaluation->json().at("exact_match"), 1.0);
}

TEST(Evaluation, OfARegressionReadsNumbers) {
  const auto evaluation = make_evaluation("rows.tsv", {"stars"}, ProblemType::kRegression);
  evaluation->add({.label = "4"}, prediction_of({3}));
  EXPECT_EQ(evaluation->json().at("mean_squared_error"), 1.0);
  expect_error([&] { evaluation->check({.label = "four"}); }, "not a number");
}

}  // namespace
}  // namespace gptkit
