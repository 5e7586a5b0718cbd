#include "baselines/baseline.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/files.h"
#include "base/json.h"
#include "data/tables/classification.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

void expect_distribution(const std::vector<double>& probabilities, size_t n_classes) {
  ASSERT_EQ(probabilities.size(), n_classes);
  for (const double p : probabilities) EXPECT_TRUE(p >= 0 && p <= 1) << p;
  EXPECT_NEAR(std::accumulate(probabilities.begin(), probabilities.end(), 0.0), 1, 1e-9);
}

struct Labelled {
  std::vector<std::string> texts;
  std::vector<int64_t> labels;
};

Labelled to_labelled(const std::vector<LabelledText>& rows) {
  Labelled labelled;
  for (const auto& row : rows) {
    labelled.texts.push_back(row.text);
    labelled.labels.push_back(row.label);
  }
  return labelled;
}

std::vector<Baseline> trained(const Labelled& rows, int64_t n_classes,
                              const std::vector<double>& class_weights = {}) {
  return train_baselines(rows.texts, rows.labels, n_classes, class_weights);
}

/// The share of rows whose likeliest class is theirs.
double accuracy(const Baseline& baseline, const Labelled& rows) {
  int64_t right = 0;
  for (size_t i = 0; i < rows.texts.size(); ++i) {
    const auto p = baseline.classify(rows.texts[i]);
    right += std::max_element(p.begin(), p.end()) - p.begin() == rows.labels[i];
  }
  return static_cast<double>(right) / static_cast<double>(rows.texts.size());
}

const Labelled kMessages = {{"tea at four?", "see you at the station", "WIN a free phone NOW!!",
                             "free cash, win!", "my train is late", "claim your free prize"},
                            {0, 0, 1, 1, 0, 1}};

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
  const auto baselines = trained(to_labelled(data.train), 2);
  const auto tested = to_labelled(data.test);
  ASSERT_EQ(baselines.size(), 3u);
  for (const auto& baseline : baselines) {
    SCOPED_TRACE(baseline.name + ": " + baseline.description);
    if (!golden.contains(baseline.name)) continue;
    const auto& want = golden.at(baseline.name);
    EXPECT_DOUBLE_EQ(accuracy(baseline, tested), want.at("accuracy").get<double>());
    const auto spam = want.at("spam").get<std::vector<double>>();
    const auto got = baseline.predict(tested.texts);
    double furthest = 0;
    for (size_t i = 0; i < spam.size(); ++i) {
      furthest = std::max(furthest, std::abs(got[i][1] - spam[i]));
    }
    EXPECT_LT(furthest, 1e-4);  // where our tolerance stops the fit
  }
  EXPECT_GE(accuracy(baselines[2], tested), 0.95);
}

TEST(Baselines, AreTheSameEachTime) {
  const auto first = trained(kMessages, 2), second = trained(kMessages, 2);
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
  for (const auto& text : hostile) rows.texts.push_back(text), rows.labels.push_back(0);
  rows.texts.push_back("the only one"), rows.labels.push_back(2);
  for (const auto& baseline : trained(rows, 4)) {  // class 3 has no row
    SCOPED_TRACE(baseline.name);
    for (const auto& p : baseline.predict(hostile)) expect_distribution(p, 4);
    expect_distribution(baseline.classify("the only one"), 4);
  }
}

TEST(Baselines, LearnFromTextsWithoutAnyNGram) {
  for (const auto& baseline : trained({{"", "", ""}, {0, 1, 1}}, 2)) {
    EXPECT_NEAR(baseline.classify("hello")[1], 2.0 / 3, 1e-4) << baseline.name;
  }
}

TEST(Baselines, AClassWeightMovesTheProbabilities) {
  const auto plain = trained(kMessages, 2);
  const auto weighted = trained(kMessages, 2, {1, 5});
  const auto sum_of_class_1 = [](const Baseline& baseline) {
    double sum = 0;
    for (const auto& p : baseline.predict(kMessages.texts)) sum += p[1];
    return sum;
  };
  for (size_t i = 0; i < plain.size(); ++i) {
    EXPECT_GT(sum_of_class_1(weighted[i]), sum_of_class_1(plain[i])) << plain[i].name;
  }
}

TEST(Baselines, RefuseWhatIsNotATrainingSet) {
  expect_error([] { trained({}, 2); }, "no labelled texts");
  expect_error([] { trained(kMessages, 1); }, "1 classes");
  expect_error([] { trained({{"a"}, {2}}, 2); }, "text 0 has the class 2");
  expect_error([] { trained({{"a"}, {}}, 2); }, "1 texts have 0 labels");
}

}  // namespace
}  // namespace gptkit
