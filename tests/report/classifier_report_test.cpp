#include "report/classifier_report.h"

#include <algorithm>

#include "report/metrics_report.h"
#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::made_up_baseline;
using test::made_up_input;
using test::made_up_split;
using testing::HasSubstr;
using testing::Not;

/// Three classes, eight rows.
ClassifierReportInput three_classes() {
  ClassifierReportInput input;
  input.model_name = "tiny";
  input.labels = {"a", "b", "c"};
  input.splits = {{.name = "test",
                   .texts = {"one", "two", "three", "four", "five", "six", "seven", "eight"},
                   .rows = {0, 1, 2, 3, 4, 5, 6, 7},
                   .truth = {0, 1, 2, 2, 0, 2, 1, 1},
                   .probabilities = {{0.7, 0.2, 0.1},
                                     {0.1, 0.8, 0.1},
                                     {0.3, 0.3, 0.4},
                                     {0.2, 0.5, 0.3},
                                     {0.6, 0.3, 0.1},
                                     {0.05, 0.05, 0.9},
                                     {0.25, 0.5, 0.25},
                                     {0.4, 0.35, 0.25}}}};
  return input;
}

/// All sentences of the verdict.
std::string verdict(const ClassifierReport& report) {
  std::string text;
  for (const auto& finding : report.verdict) text += finding.text + "\n";
  return text;
}

/// No number of a JSON document is nan or inf: nlohmann would write null for them and hide it.
void expect_finite(const OrderedJson& json, const std::string& where = "") {
  if (json.is_number_float()) {
    EXPECT_TRUE(std::isfinite(json.get<double>())) << where;
  }
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) expect_finite(value, where + "/" + key);
}

TEST(ClassifierReport, FiguresOfThreeClassesAreThoseOfScikitLearn) {
  const auto report = make_classifier_report(three_classes());
  const auto& metrics = report.main().metrics;
  // precision_recall_fscore_support(t, P.argmax(1))
  EXPECT_DOUBLE_EQ(metrics.classification.accuracy, 0.75);
  const double want[3][3] = {{2.0 / 3, 1, 0.8}, {2.0 / 3, 2.0 / 3, 2.0 / 3}, {1, 2.0 / 3, 0.8}};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(metrics.classification.classes[c].precision, want[c][0]) << c;
    EXPECT_DOUBLE_EQ(metrics.classification.classes[c].recall, want[c][1]) << c;
    EXPECT_DOUBLE_EQ(metrics.classification.classes[c].f1, want[c][2]) << c;
  }
  EXPECT_DOUBLE_EQ(metrics.classification.macro_f1, 0.7555555555555556);
  // roc_auc_score(t == c, P[:, c]), average_precision_score(t == c, P[:, c])
  const double auc[] = {1, 0.9, 1};
  const double ap[] = {1, 0.8055555555555556, 1};
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_DOUBLE_EQ(*metrics.classes[c].roc_auc, auc[c]) << c;
    EXPECT_DOUBLE_EQ(*metrics.classes[c].average_precision, ap[c]) << c;
  }
  EXPECT_DOUBLE_EQ(*metrics.roc_auc, 0.9666666666666667);  // roc_auc_score(t, P, multi_class="ovr")
  EXPECT_FALSE(report.positive);
  EXPECT_FALSE(report.threshold);
  EXPECT_FALSE(report.temperature);
}

TEST(ClassifierReport, TheSplitToJudgeByIsTheLastThatHasRows) {
  auto input = made_up_input();
  EXPECT_EQ(make_classifier_report(input).main_split, "test");
  input.splits[2] = {.name = "test"};
  const auto report = make_classifier_report(input);
  EXPECT_EQ(report.main_split, "validation");
  EXPECT_EQ(report.splits.size(), 2u);
  EXPECT_THAT(report.verdict.front().text, HasSubstr("There is no test split."));
  EXPECT_EQ(report.verdict.front().kind, Finding::Kind::kDoubt);
  input.splits.resize(1);
  EXPECT_EQ(make_classifier_report(input).main_split, "train");
}

TEST(ClassifierReport, LooksForTheRarerClass) {
  auto input = made_up_input();
  EXPECT_EQ(make_classifier_report(input).positive, 1);
  for (auto& split : input.splits) {
    for (auto& label : split.truth) label = 1 - label;
    for (auto& row : split.probabilities) std::swap(row[0], row[1]);
  }
  EXPECT_EQ(make_classifier_report(input).positive, 0);
  input.splits[0] = made_up_split("train", 100, 1, 3, 2, /*every=*/2);
  EXPECT_EQ(make_classifier_report(input).positive, 1);  // equal: the last
  input.positive_label = "ham";
  EXPECT_EQ(make_classifier_report(input).positive, 0);
  input.positive_label = "eggs";
  expect_error([&] { make_classifier_report(input); }, "'eggs' is not a label of the classifier");
}

TEST(ClassifierReport, TheThresholdIsChosenOnValidationAlone) {
  auto input = made_up_input();
  const auto report = make_classifier_report(input);
  ASSERT_TRUE(report.threshold && report.threshold->reached);
  const auto& validation = *report.split("validation")->metrics.at_threshold;
  EXPECT_GE(*validation.precision(), 0.95);
  EXPECT_DOUBLE_EQ(*validation.recall(), report.threshold->recall);

  input.splits[2] = made_up_split("test", 300, 99, 0.1);
  const auto other = make_classifier_report(input);
  EXPECT_EQ(other.threshold->threshold, report.threshold->threshold);
  EXPECT_EQ(other.temperature->temperature, report.temperature->temperature);
  EXPECT_LT(*other.main().metrics.at_threshold->precision(), 0.95);
  EXPECT_THAT(verdict(other), HasSubstr("below the target"));
}

TEST(ClassifierReport, SaysWhenNoThresholdIsPreciseEnough) {
  auto input = made_up_input();
  input.target_precision = 1;
  // The surest spam of validation is ham.
  auto& validation = input.splits[1];
  validation.probabilities[0] = {0, 1};
  const auto report = make_classifier_report(input);
  EXPECT_FALSE(report.threshold->reached);
  EXPECT_THAT(verdict(report), HasSubstr("reaches a precision of 100 %"));
}

TEST(ClassifierReport, TheTemperatureHelpsWhereItWasFittedAndTakesNoMistakeAway) {
  auto input = made_up_input();
  for (auto& split : input.splits) split = made_up_split(split.name, 700, 5, 1, /*sureness=*/6);
  const auto report = make_classifier_report(input);
  EXPECT_GT(report.temperature->temperature, 1.5);
  const auto& split = *report.split("validation");
  EXPECT_LE(split.calibrated->log_loss, split.metrics.calibration.log_loss);
  EXPECT_LT(split.calibrated->error, split.metrics.calibration.error);
  int64_t before = 0, after = 0;
  for (const auto& bin : split.metrics.calibration.bins) before += bin.right;
  for (const auto& bin : split.calibrated->bins) after += bin.right;
  EXPECT_EQ(before, after);
}

TEST(ClassifierReport, MistakesAreTheSurestWithTheirTexts) {
  auto input = made_up_input();
  input.max_mistakes = 3;
  auto& test = input.splits[2];
  test.probabilities[5] = {0.001, 0.999};  // ham
  test.probabilities[6] = {0.99, 0.01};    // spam
  test.texts[5] = std::string(1 << 20, 'x');
  const auto report = make_classifier_report(input);
  const auto& mistakes = report.main().mistakes;
  ASSERT_EQ(mistakes.size(), 3u);
  EXPECT_GT(report.main().n_mistake, 3);
  EXPECT_EQ(mistakes[0].row, 15);
  EXPECT_EQ(mistakes[0].truth, 0);
  EXPECT_EQ(mistakes[0].predicted, 1);
  EXPECT_EQ(mistakes[0].probability, 0.999);
  EXPECT_EQ(mistakes[0].text, std::string(2000, 'x'));
  EXPECT_EQ(mistakes[0].text_bytes, 1 << 20);
  EXPECT_GE(mistakes[1].probability, mistakes[2].probability);
}

TEST(ClassifierReport, FindsTextsThatAreAlsoTrainingTexts) {
  auto input = made_up_input();
  auto& train = input.splits[0];
  auto& test = input.splits[2];
  train.texts[0] = "Win a prize, NOW";  // ham
  test.texts[0] = "Win a prize, NOW";
  test.texts[6] = "Win a prize, NOW";  // spam: another label
  test.texts[1] = "win a  prize! now...";
  test.texts[2] = "?!";  // no words: like no other
  train.texts[1] = "...";
  test.texts[3] = test.texts[4];
  test.probabilities[6] = {1, 0};
  const auto report = make_classifier_report(input);
  const auto& overlap = *report.main().overlap;
  EXPECT_EQ(overlap.verbatim, 2);
  EXPECT_EQ(overlap.same_words, 3);
  EXPECT_EQ(overlap.other_label, 1);
  EXPECT_EQ(overlap.accuracy_on_rest.whole, 697);
  EXPECT_EQ(report.main().repeated, 2);
  EXPECT_FALSE(report.split("train")->overlap);
  EXPECT_THAT(verdict(report), HasSubstr("2 of the 700 test texts are also in the training rows"));
  const auto& mistakes = report.main().mistakes;
  const auto known = std::ranges::find(mistakes, 18, &Mistake::row);
  ASSERT_NE(known, mistakes.end());
  EXPECT_TRUE(known->in_train);
}

TEST(ClassifierReport, ABaselineThatIsBetterIsNamedFirst) {
  auto input = made_up_input();
  input.splits[2] = made_up_split("test", 700, 3, 1.5);
  input.baselines = {made_up_baseline(input, "words", 4), made_up_baseline(input, "dice", 0.05)};
  const auto report = make_classifier_report(input);
  EXPECT_THAT(report.verdict.front().text, testing::StartsWith("words is better than gpt2"));
  EXPECT_EQ(report.verdict.front().kind, Finding::Kind::kDoubt);
  EXPECT_THAT(verdict(report), HasSubstr("gpt2 is better than dice"));
  // The first is the report's own.
  ASSERT_EQ(report.baselines.size(), 3u);
  EXPECT_TRUE(report.baselines[0].constant);
  EXPECT_DOUBLE_EQ(report.baselines[0].splits.at("test").classification.accuracy, 6.0 / 7);
  EXPECT_EQ(report.baselines[0].splits.at("test").classes[1].roc_auc, 0.5);
}

TEST(ClassifierReport, ABaselineAsGoodIsNotBeaten) {
  auto input = made_up_input();
  BaselinePredictions twin{.name = "twin", .description = "the same"};
  for (const auto& split : input.splits) twin.probabilities[split.name] = split.probabilities;
  input.baselines = {twin};
  const auto report = make_classifier_report(input);
  EXPECT_EQ(report.baselines[1].p_value, 1);
  EXPECT_EQ(report.baselines[1].threshold->threshold, report.threshold->threshold);
  EXPECT_THAT(report.verdict.front().text, testing::StartsWith("gpt2 is not"));
  EXPECT_THAT(verdict(report), Not(HasSubstr("better than twin (")));
}

TEST(ClassifierReport, CountsForMcNemarOnlyRowsThatOneHasRight) {
  auto input = three_classes();
  BaselinePredictions always{.name = "always b"};
  always.probabilities["test"].assign(8, {0, 1, 0});
  input.baselines = {always};
  const auto report = make_classifier_report(input);
  // The model: rows 0, 1, 2, 4, 5, 6 right; the baseline: 1, 6, 7.
  EXPECT_EQ(report.baselines[0].model_only_right, 4);
  EXPECT_EQ(report.baselines[0].baseline_only_right, 1);
  EXPECT_DOUBLE_EQ(report.baselines[0].p_value, 0.375);  // binomtest(1, 5).pvalue
}

TEST(ClassifierReport, OneClassLeavesFiguresUndefined) {
  ClassifierReportInput input;
  input.labels = {"ham", "spam"};
  for (const char* name : {"train", "validation", "test"}) {
    auto split = made_up_split(name, 5, 1);  // no seventh row: no spam
    input.splits.push_back(split);
  }
  const auto report = make_classifier_report(input);
  EXPECT_FALSE(report.roc_auc(report.main().metrics));
  EXPECT_FALSE(report.threshold);
  const auto json = to_json(report);
  EXPECT_TRUE(json.at("test").at("roc_auc").is_null());
  EXPECT_TRUE(json.at("threshold").is_null());
  expect_finite(json);
  const auto text = to_text(report);
  EXPECT_THAT(text, HasSubstr("undefined"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
  EXPECT_THAT(text, HasSubstr("No test row is of class 'spam'"));
}

TEST(ClassifierReport, JsonKeepsTheKeysOfTheSimpleReport) {
  auto input = made_up_input();
  input.baselines = {made_up_baseline(input, "words", 1)};
  input.settings = {{"train.lr", "5e-05"}};
  const auto report = make_classifier_report(input);
  const auto json = to_json(report);
  for (const char* name : {"train", "validation", "test"}) {
    const auto& split = json.at(name);
    const auto simple = to_json(report.split(name)->metrics.classification);
    for (const auto& [key, value] : simple.items()) {
      if (key == "classes") continue;
      EXPECT_EQ(split.at(key), value) << key;
    }
    EXPECT_GT(split.at("classes").at("spam").at("precision"), 0.5);
    EXPECT_EQ(split.at("reliability").at("bins").size(), 15u);
    EXPECT_GT(split.at("roc_auc"), 0.9);
  }
  EXPECT_EQ(json.at("positive"), "spam");
  EXPECT_EQ(json.at("threshold").at("value"), report.threshold->threshold);
  EXPECT_EQ(json.at("baselines").at(1).at("name"), "words");
  EXPECT_EQ(json.at("training").at("settings").at("train.lr"), "5e-05");
  EXPECT_LT(json.at("test").at("curves").at("spam").at("roc").size(), 600u);
  expect_finite(json);
}

TEST(ClassifierReport, AsTextShowsVerdictFiguresAndMistakes) {
  auto input = made_up_input();
  input.baselines = {made_up_baseline(input, "words", 1)};
  input.splits[2].texts[0] = "\x1B[2J hidden";
  input.splits[2].probabilities[0] = {0, 1};
  const auto text = to_text(make_classifier_report(input));
  for (const char* part : {"gpt2 classifies", "95 % interval", "ROC-AUC", "truth \\ predicted",
                           "threshold for 'spam', chosen on validation", "McNemar", "words",
                           "row 0: label ham, predicted spam"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("\x1B")));
}

TEST(ClassifierReport, RefusesInputThatDoesNotFit) {
  const auto refuse = [](auto change, const std::string& message) {
    auto input = made_up_input();
    change(input);
    expect_error([&] { make_classifier_report(input); }, message);
  };
  using Input = ClassifierReportInput;
  refuse([](Input& i) { i.splits.clear(); }, "no split has any");
  refuse([](Input& i) { i.labels = {"ham"}; }, "at least two labels; there are 1");
  refuse([](Input& i) { i.splits[0].name = "dev"; }, "split 'dev' is not known");
  refuse([](Input& i) { i.splits[0].name = "test"; }, "two splits named test");
  refuse([](Input& i) { i.splits[0].texts.pop_back(); }, "split train: 2099 texts");
  refuse([](Input& i) { i.splits[1].truth[4] = 2; }, "split validation, row 4: class 2");
  refuse([](Input& i) { i.splits[2].probabilities[1] = {1}; },
         "split test, row 1: 1 probabilities; expected one for each of the 2 labels");
  refuse(
      [](Input& i) {
        i.splits[2].probabilities[1] = {0.2, 0.3};
      },
      "split test, row 1: the probabilities add up to 0.5");
  refuse(
      [](Input& i) {
        i.splits[2].probabilities[1] = {std::nan(""), 1};
      },
      "split test, row 1: nan is not a probability");
  refuse([](Input& i) { i.target_precision = 1.5; }, "wanted precision 1.5");
  refuse([](Input& i) { i.baselines = {{.name = "b"}}; }, "baseline 'b', split test: no prob");
}

}  // namespace
}  // namespace gptkit
