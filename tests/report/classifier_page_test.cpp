#include "report/classifier_page.h"

#include <algorithm>
#include <regex>

#include "base/utf8.h"
#include "report/report_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::made_up_baseline;
using test::made_up_input;
using test::made_up_split;
using testing::HasSubstr;
using testing::Not;

std::vector<OrderedJson> made_up_metrics(int steps) {
  std::vector<OrderedJson> rows;
  for (int step = 0; step < steps; ++step) {
    OrderedJson row = {{"step", step}, {"loss", 0.1 + 1.0 / (1 + step)}, {"lr", 1e-4}};
    if (step % 5 == 0) row["train_loss"] = 0.1, row["val_loss"] = 0.2;
    if (step % 10 == 9) row["train_accuracy"] = 0.9, row["val_accuracy"] = nullptr;
    rows.push_back(row);
  }
  return rows;
}

/// Start and end tags match, as an XML reader would ask; void elements apart.
void expect_balanced(const std::string& html) {
  static const std::regex tag(R"(<(/?)([a-z0-9]+)((?:[^>"]|"[^"]*")*)>)");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2], rest = (*it)[3];
    if (name == "meta" || rest.ends_with('/')) continue;
    if ((*it)[1].length() == 0) {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << name;
      ASSERT_EQ(open.back(), name) << html.substr(static_cast<size_t>(it->position()), 200);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
}

void expect_sound(const std::string& html) {
  expect_balanced(html);
  EXPECT_TRUE(is_valid_utf8(html));
  EXPECT_EQ(html.find('\0'), std::string::npos);
  for (const char* bad : {"<script", "javascript:", "http://", "https://", "url(", "@import",
                          "src=", "href=", "onerror=\"", "nan", "-inf"}) {
    EXPECT_THAT(html, Not(HasSubstr(bad)));
  }
}

TEST(ReportHtml, IsOnePageWithAllItsParts) {
  auto input = made_up_input();
  input.baselines = {made_up_baseline(input, "words", 2), made_up_baseline(input, "dice", 0.1)};
  input.training_metrics = made_up_metrics(100);
  input.settings = {{"train.epochs", "5"}};
  input.seconds = 90;
  input.parameters = 124'439'808;
  input.trained_parameters = 7'089'408;
  const auto html = to_html(make_classifier_report(input));
  expect_sound(html);
  for (const char* part :
       {"<!DOCTYPE html>", "prefers-color-scheme:dark", "@media print", "ul class=\"verdict\"",
        "Results", "Comparison with simpler methods", "Threshold for", "Precision and recall",
        "threshold on test", "Calibration", "Confusion matrix", "Mistakes, most confident first",
        "cross entropy", "train.epochs", "124,439,808"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
  EXPECT_LT(html.size(), 200'000u);
}

TEST(ReportHtml, HostileTextsStayTexts) {
  auto input = made_up_input();
  input.model_name = "<script>alert(1)</script>";
  input.labels = {"<b>\"ham'\n", "\u202Espam\xFF"};
  auto& test = input.splits[2];
  const std::string hostile[] = {"</p><script>alert(1)</script>",
                                 "\" onmouseover=\"alert(1)",
                                 std::string("nul \0 here", 10),
                                 "\xFF\xFE broken \xF0\x9F",
                                 "\u202Ereversed\u2066",
                                 std::string(1 << 20, '<'),
                                 "<!--",
                                 "]]>&amp;&lt;",
                                 std::string(5000, '\n'),
                                 "\x1B[31m"};
  for (size_t i = 0; i < std::size(hostile); ++i) {
    test.texts[i] = hostile[i];
    test.probabilities[i] =
        test.truth[i] == 0 ? std::vector<double>{0, 1} : std::vector<double>{1, 0};
  }
  input.baselines = {made_up_baseline(input, "<img src=x onerror=alert(1)>", 1)};
  input.baselines[0].description = "<style>*{display:none}</style>";
  input.settings = {{"<key>", "</td></table>"}};
  const auto html = to_html(make_classifier_report(input));
  expect_balanced(html);
  EXPECT_TRUE(is_valid_utf8(html));
  EXPECT_EQ(html.find('\0'), std::string::npos);
  for (const char* bad : {"<script", "<img", "<b>\"", "<key", "<!--", "<style>*", "\u202E",
                          "\u2066", "\" onmouseover"}) {
    EXPECT_THAT(html, Not(HasSubstr(bad)));
  }
  EXPECT_THAT(html, HasSubstr("&lt;U+202E&gt;spam\uFFFD"));
  EXPECT_LT(html.size(), 300'000u);
}

TEST(ReportHtml, AnyNumberOfClasses) {
  for (const size_t n_class : {3, 16, 150}) {
    ClassifierReportInput input;
    input.model_name = "many";
    for (size_t c = 0; c < n_class; ++c)
      input.labels.push_back("klasse \u00E9 " + std::to_string(c));
    std::mt19937 random(9);
    SplitPredictions split{.name = "test"};
    for (size_t row = 0; row < 400; ++row) {
      const size_t truth = row % n_class;
      std::vector<double> p(n_class, 0.5 / static_cast<double>(n_class));
      p[random() % 3 == 0 ? random() % n_class : truth] += 0.5;
      split.texts.push_back("text " + std::to_string(row));
      split.rows.push_back(static_cast<int64_t>(row));
      split.truth.push_back(static_cast<int64_t>(truth));
      split.probabilities.push_back(p);
    }
    input.splits = {split};
    const auto report = make_classifier_report(input);
    const auto html = to_html(report);
    expect_sound(html);
    EXPECT_LT(html.size(), 250'000u);
    EXPECT_EQ(html.find("Most frequent confusions") != std::string::npos, n_class > 15);
    EXPECT_FALSE(to_text(report).empty());
  }
}

TEST(ReportHtml, DoesWithoutTestSplitCurvesOrASecondClass) {
  ClassifierReportInput input;
  input.labels = {"ham", "spam"};
  input.splits = {made_up_split("train", 5, 1)};
  input.training_metrics = {OrderedJson{{"step", nullptr}, {"loss", "text"}}, OrderedJson::array(),
                            OrderedJson{{"step", 1e300}, {"val_loss", -1e300}}};
  input.max_mistakes = 0;
  const auto html = to_html(make_classifier_report(input));
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("There is no test split."));
  EXPECT_THAT(html, HasSubstr("undefined"));
}

TEST(ReportHtml, APerfectClassifierIsDrawn) {
  auto input = made_up_input();
  for (auto& split : input.splits) {
    for (size_t row = 0; row < split.truth.size(); ++row) {
      split.probabilities[row] =
          split.truth[row] == 1 ? std::vector<double>{0, 1} : std::vector<double>{1, 0};
    }
  }
  const auto html = to_html(make_classifier_report(input));
  expect_sound(html);
  EXPECT_THAT(html, HasSubstr("No temperature is fitted"));
  EXPECT_THAT(html, HasSubstr("test: none"));
}

}  // namespace
}  // namespace gptkit
