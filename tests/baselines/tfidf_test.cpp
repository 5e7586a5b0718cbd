#include "baselines/tfidf.h"

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

const Json& golden() {
  static const std::string path = GPTKIT_SOURCE_DIR "/tests/golden/baselines.json";
  static const Json json = parse_json(read_file(path), path);
  return json;
}

std::vector<double> values_of(const SparseRow& row) {
  std::vector<double> values;
  for (const auto& [column, value] : row) values.push_back(value);
  return values;
}

TEST(Tfidf, HasTheVocabularyAndTheValuesOfScikitLearn) {
  const auto train = golden().at("train").get<std::vector<std::string>>();
  const std::vector<std::string_view> texts(train.begin(), train.end());
  for (const auto& model : golden().at("models")) {
    const bool words = model.at("unit") == "word";
    const Tfidf tfidf(texts, {.unit = words ? NGramUnit::kWord : NGramUnit::kCharacter,
                              .min_n = model.at("min_n"),
                              .max_n = model.at("max_n"),
                              .sublinear_tf = model.at("sublinear_tf"),
                              .min_texts = model.at("min_texts")});
    ASSERT_EQ(tfidf.ngrams(), model.at("ngrams").get<std::vector<std::string>>());
    EXPECT_THAT(tfidf.idf(), testing::Pointwise(testing::DoubleNear(1e-7),
                                                model.at("idf").get<std::vector<double>>()));
    for (size_t i = 0; i < golden().at("held_out").size(); ++i) {
      std::vector<double> row;  // column, value, column, value ...
      for (const auto& [column, value] :
           tfidf.transform(golden().at("held_out")[i].get<std::string>())) {
        row.insert(row.end(), {static_cast<double>(column), value});
      }
      // Rows are float32: 24 bits.
      EXPECT_THAT(row, testing::Pointwise(testing::DoubleNear(1e-7),
                                          model.at("held_out_rows")[i].get<std::vector<double>>()));
    }
  }
}

TEST(Tfidf, KeepsTheNGramsOfMostTexts) {
  const Tfidf tfidf({"cc bb", "bb aa aa aa", "aa cc", "dd dd dd", "bb"},
                    {.max_n = 1, .max_features = 2});
  EXPECT_THAT(tfidf.ngrams(), ElementsAre("aa", "bb"));  // 2 texts, as cc, which sorts behind; 3
  EXPECT_THAT(values_of(tfidf.count("aa dd aa bb")), ElementsAre(2, 1));
}

TEST(Tfidf, ForgetsRareNGramsBeforeMemoryRunsOut) {
  std::vector<std::string> rows;
  for (int i = 0; i < 1050; ++i) rows.push_back(concat("common word", i));
  const std::vector<std::string_view> texts(rows.begin(), rows.end());
  const Tfidf tfidf(texts, {.max_n = 1, .max_features = 10, .max_candidates = 100});
  EXPECT_EQ(tfidf.n_columns(), 10);
  EXPECT_THAT(tfidf.ngrams(), testing::Contains("common"));
}

TEST(Tfidf, TakesAnyText) {
  const std::string long_word(1 << 20, 'x'), zeros(1000, '\0');
  std::string noise;
  for (unsigned i = 0; i < 1u << 20; ++i) noise += static_cast<char>(i * i * 31 + i / 7);
  for (const auto unit : {NGramUnit::kWord, NGramUnit::kCharacter}) {
    const Tfidf tfidf({"", "a", long_word, zeros, noise, "\xF0\x9F", "\xED\xA0\x80 \xC0\x80"},
                      {.unit = unit, .min_n = 1, .max_n = 5});
    for (const std::string_view text : {std::string_view(noise), std::string_view(long_word)}) {
      double squares = 0;
      for (const double value : values_of(tfidf.transform(text))) squares += value * value;
      EXPECT_NEAR(squares, 1, 1e-5);
    }
    EXPECT_TRUE(tfidf.transform("").empty());
  }
  const Tfidf nothing({"", " "}, {});
  EXPECT_EQ(nothing.n_columns(), 0);
  EXPECT_TRUE(nothing.transform("hello there").empty());
}

TEST(Tfidf, RefusesNoTextsAndOptionsThatContradictEachOther) {
  expect_error([] { Tfidf({}, {}); }, "no texts");
  expect_error([] { Tfidf({"a"}, {.min_n = 3}); }, "n-grams of 3 to 2 units");
  expect_error([] { Tfidf({"a"}, {.min_n = 0}); }, "n-grams of 0 to 2 units");
  expect_error([] { Tfidf({"a"}, {.max_features = 0}); }, "0 n-grams out of");
}

}  // namespace
}  // namespace gptkit
