#include "report/metrics_report.h"

#include <algorithm>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

TEST(MetricsReport, AsJson) {
  const auto json = to_json(classification_metrics({0, 1, 1}, {0, 1, 0}, {"ham", "spam"}));
  EXPECT_EQ(json.at("rows"), 3);
  EXPECT_EQ(json.at("classes").at("spam").at("recall"), 0.5);
  EXPECT_EQ(json.at("classes").at("spam").at("rows"), 2);
  EXPECT_EQ(json.at("confusion").dump(), "[[1,0],[1,1]]");
  EXPECT_EQ(json.at("macro").at("recall"), 0.75);
  EXPECT_NEAR(json.at("accuracy_interval").at(0).get<double>(), 0.2077, 1e-4);
}

TEST(MetricsReport, AsATable) {
  EXPECT_EQ(to_text(classification_metrics({0, 1, 1}, {0, 1, 0}, {"ham", "spam"})),
            "accuracy 0.6667 on 3 rows, 95 % interval 0.2077 to 0.9385\n"
            "\n"
            "class       precision     recall         F1     rows\n"
            "ham            0.5000     1.0000     0.6667        1\n"
            "spam           1.0000     0.5000     0.6667        2\n"
            "macro mean     0.7500     0.7500     0.6667\n"
            "\n"
            "truth \\ predicted        ham       spam\n"
            "ham                        1          0\n"
            "spam                       1          1\n");
}

TEST(MetricsReport, ALabelDoesNotSteerTheTerminal) {
  const auto text = to_text(classification_metrics({0, 1}, {0, 1}, {"\x1b[2J\nham", "b"}));
  EXPECT_THAT(text, testing::HasSubstr("\\x1b[2J\\nham"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("\x1b")));
}

TEST(MetricsReport, ALongLabelLosesNoFigures) {
  const std::string label(400, 'x');
  const auto text = to_text(classification_metrics({0, 1}, {0, 1}, {label, "b"}));
  EXPECT_THAT(text, testing::HasSubstr(label + "       1.0000     1.0000     1.0000        1\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 10);
}

TEST(MetricsReport, JsonGivesTheMetricsBack) {
  const auto metrics = classification_metrics({0, 1, 1, 2}, {0, 1, 0, 1}, {"ham", "spam", "x y"});
  auto json = to_json(metrics);
  json["roc_auc"] = 0.5;
  const auto back = classification_metrics_from_json(json, "report.json");
  EXPECT_EQ(to_json(back), to_json(metrics));
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_EQ(back.classes[c].predicted, metrics.classes[c].predicted) << c;
  }
}

TEST(MetricsReport, RefusesJsonThatIsNoReport) {
  const auto refuse = [](const char* text) {
    expect_error([&] { classification_metrics_from_json(OrderedJson::parse(text), "report.json"); },
                 "report.json");
  };
  for (const char* bad : {"{}", "[]", "3", R"({"rows": "three"})"}) refuse(bad);
  auto json = to_json(classification_metrics({0, 1}, {0, 1}, {"a", "b"}));
  json["confusion"] = OrderedJson::parse("[[1, 0], [1]]");
  refuse(json.dump().c_str());
  json["confusion"] = OrderedJson::parse("[[1]]");
  refuse(json.dump().c_str());
}

TEST(MetricsReport, MultiLabelAsATable) {
  const auto metrics = multi_label_metrics({{0, 1}, {1}}, {{0}, {1}}, {"a", "b"});
  EXPECT_EQ(to_text(metrics),
            "multi-label: all labels correct in 0.5000 of 2 rows\n\n"
            "label         precision     recall         F1     rows\n"
            "a                1.0000     1.0000     1.0000        1\n"
            "b                1.0000     0.5000     0.6667        2\n"
            "macro mean       1.0000     0.7500     0.8333\n"
            "micro mean       1.0000     0.6667     0.8000\n");
}

TEST(MetricsReport, RegressionAsJson) {
  EXPECT_EQ(to_json(regression_metrics({{1}, {2}}, {{2}, {2}})).dump(),
            R"({"problem_type":"regression","rows":2,"mean_squared_error":0.5,)"
            R"("mean_absolute_error":0.5})");
}

}  // namespace
}  // namespace gptkit
