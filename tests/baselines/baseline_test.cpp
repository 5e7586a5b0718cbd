#include "baselines/baseline.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

void expect_distribution(const std::vector<double>& probabilities, size_t n_classes) {
  ASSERT_EQ(probabilities.size(), n_classes);
  for (const double p : probabilities) EXPECT_TRUE(p >= 0 && p <= 1) << p;
  EXPECT_NEAR(std::accumulate(probabilities.begin(), probabilities.end(), 0.0), 1, 1e-9);
}

std::vector<std::string> texts_of(const std::vector<LabelledText>& rows) {
  std::vector<std::string> texts;
  for (const auto& row : rows) texts.push_back(row.text);
  return texts;
}

/// The share of rows whose likeliest class is theirs.
double accuracy(const Baseline& baseline, const std::vector<LabelledText>& rows) {
  int64_t right = 0;
  for (const auto& row : rows) {
    const auto p = baseline.classify(row.text);
    right += std::max_element(p.begin(), p.end()) - p.begin() == row.label;
  }
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

const std::vector<LabelledText> kMessages = {
    {"tea at four?", 0, 0},    {"see you at the station", 0, 1}, {"WIN a free phone NOW!!", 1, 2},
    {"free cash, win!", 1, 3}, {"my train is late", 0, 4},       {"claim your free prize", 1, 5}};

// The book's messages, split as in its chapter 6; scikit-learn's figures.
TEST(Baselines, ReachScikitLearnsFiguresOnTheBooksMessages) {
  GPTKIT_REAL_DATA_OR_SKIP(folder);
  ClassificationOptions options;
  options.train = {folder / "SMSSpamCollection.tsv"};
  options.labels = {"ham", "spam"};
  options.balance = Balance::kSmallest;
  const auto data = load_classification(options);
  const std::string path = GPTKIT_SOURCE_DIR "/tests/golden/baselines.json";
  const auto golden = parse_json(read_file(path), path).at("messages");
  const auto baselines = train_baselines(data.train, 2);
  ASSERT_EQ(baselines.size(), 3u);
  for (const auto& baseline : baselines) {
    SCOPED_TRACE(baseline.name + ": " + baseline.description);
    if (!golden.contains(baseline.name)) continue;
    const auto& want = golden.at(baseline.name);
    EXPECT_DOUBLE_EQ(accuracy(baseline, data.test), want.at("accuracy").get<double>());
    const auto spam = want.at("spam").get<std::vector<double>>();
    const auto got = baseline.predict(texts_of(data.test));
    double furthest = 0;
    for (size_t i = 0; i < spam.size(); ++i) {
      furthest = std::max(furthest, std::abs(got[i][1] - spam[i]));
    }
    EXPECT_LT(furthest, 1e-4);  // where our tolerance stops the fit
  }
  EXPECT_GE(accuracy(baselines[2], data.test), 0.95);
}

TEST(Baselines, AreTheSameEachTime) {
  const auto first = train_baselines(kMessages, 2), second = train_baselines(kMessages, 2);
  const std::vector<std::string> texts = {"free tea", "WIN!", "nothing of this", ""};
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].predict(texts), second[i].predict(texts)) << first[i].name;
    EXPECT_EQ(first[i].description, second[i].description);
  }
}

TEST(Baselines, TakeAnyTextAndClassesOfOneRowOrNone) {
  auto rows = kMessages;
  std::string noise;
  for (unsigned i = 0; i < 1u << 20; ++i) noise += static_cast<char>(i * i * 31 + i / 7);
  const std::vector<std::string> hostile = {
      "",         "a",        "!",   std::string(100, '\0'),
      "\xFF\xFE", "\xF0\x9F", noise, std::string(1 << 20, 'x')};
  for (const auto& text : hostile) rows.push_back({text, 0, std::ssize(rows)});
  rows.push_back({"the only one", 2, std::ssize(rows)});
  for (const auto& baseline : train_baselines(rows, 4)) {  // class 3 has no row
    SCOPED_TRACE(baseline.name);
    for (const auto& p : baseline.predict(hostile)) expect_distribution(p, 4);
    expect_distribution(baseline.classify("the only one"), 4);
  }
}

TEST(Baselines, LearnFromTextsWithoutAnyNGram) {
  for (const auto& baseline : train_baselines({{"", 0, 0}, {"", 1, 1}, {"", 1, 2}}, 2)) {
    EXPECT_NEAR(baseline.classify("hello")[1], 2.0 / 3, 1e-4) << baseline.name;
  }
}

TEST(Baselines, AClassWeightMovesTheProbabilities) {
  const auto plain = train_baselines(kMessages, 2);
  const auto weighted = train_baselines(kMessages, 2, {1, 5});
  const auto sum_of_class_1 = [](const Baseline& baseline) {
    double sum = 0;
    for (const auto& p : baseline.predict(texts_of(kMessages))) sum += p[1];
    return sum;
  };
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_GT(sum_of_class_1(weighted[i]), sum_of_class_1(plain[i])) << plain[i].name;
  }
}

TEST(Baselines, RefuseWhatIsNotATrainingSet) {
  expect_error([] { train_baselines({}, 2); }, "no labelled texts");
  expect_error([] { train_baselines(kMessages, 1); }, "1 classes");
  expect_error([] { train_baselines({{"a", 2, 7}}, 2); }, "row 7 has the class 2");
}

}  // namespace
}  // namespace gptkit
