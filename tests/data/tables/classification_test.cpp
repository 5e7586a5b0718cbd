#include "data/tables/classification.h"

#include <numeric>

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::ByteTokenizer;
using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

std::vector<std::int64_t> rows_of(const std::vector<LabelledText>& texts) {
  std::vector<std::int64_t> rows;
  for (const auto& text : texts) rows.push_back(text.row);
  return rows;
}

/// `count` rows of each label in turn, as TSV.
std::string table(const std::vector<std::string>& labels, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (const auto& label : labels) text += label + "\ttext " + std::to_string(i) + "\n";
  }
  return text;
}

TEST(Classification, SplitsInTheOrderOfPandasSample) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", table({"no", "yes"}, 5));
  const auto data = load_classification({.train = {folder / "a.tsv"}});
  EXPECT_THAT(data.labels, ElementsAre("no", "yes"));
  // RandomState(123).permutation(10): 4 0 7 5 8 3 1 6 9 2
  EXPECT_THAT(rows_of(data.train), ElementsAre(4, 0, 7, 5, 8, 3, 1));
  EXPECT_THAT(rows_of(data.validation), ElementsAre(6));
  EXPECT_THAT(rows_of(data.test), ElementsAre(9, 2));
}

TEST(Classification, LabelsMayBeNumberedByHand) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", table({"no", "yes"}, 5));
  const auto data = load_classification({.train = {folder / "a.tsv"}, .labels = {"yes", "no"}});
  for (const auto& row : data.train) EXPECT_EQ(row.label, row.row % 2 == 0 ? 1 : 0);
}

TEST(Classification, FilesOfTheirOwnAreNeitherCutNorShuffled) {
  const ScratchFolder folder;
  test::write(folder / "train.tsv", "b\t1\na\t2\nb\t3\n");
  test::write(folder / "val.tsv", "b\t4\n");
  test::write(folder / "test.tsv", "a\t5\na\t6\n");
  const auto data = load_classification({.train = {folder / "train.tsv"},
                                         .validation = {folder / "val.tsv"},
                                         .test = {folder / "test.tsv"}});
  EXPECT_THAT(rows_of(data.train), ElementsAre(0, 1, 2));
  EXPECT_EQ(data.validation.front().label, 1);
  EXPECT_EQ(data.test.size(), 2u);
}

TEST(Classification, BalancesAnyNumberOfClassesToTheSmallest) {
  std::vector<LabelledText> rows;
  for (std::int64_t i = 0; i < 60; ++i) rows.push_back({"x", i < 30 ? 0 : i < 50 ? 1 : 2, i});
  const auto balanced = balance_to_smallest(rows, 3, 123);
  EXPECT_THAT(class_counts(balanced, 3), ElementsAre(10, 10, 10));
  const auto kept = rows_of(balanced);
  EXPECT_THAT(std::vector(kept.begin() + 20, kept.end()),
              ElementsAre(50, 51, 52, 53, 54, 55, 56, 57, 58, 59));
}

TEST(Classification, AnExtremeImbalanceIsKeptUnlessAskedOtherwise) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", table({"ham"}, 990) + table({"spam"}, 10));
  ClassificationOptions options{.train = {folder / "a.tsv"}};
  EXPECT_EQ(load_classification(options).train.size(), 700u);
  options.balance = Balance::kSmallest;
  const auto data = load_classification(options);
  EXPECT_EQ(data.rows, 1000);
  EXPECT_EQ(data.train.size() + data.validation.size() + data.test.size(), 20u);
}

TEST(Classification, RowsWithoutTextAreSkippedAndCounted) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", table({"a", "b"}, 10) + "a\t\nb\t\"\"\n");
  const auto data = load_classification({.train = {folder / "a.tsv"}});
  EXPECT_EQ(data.rows, 20);
  EXPECT_EQ(data.skipped_empty, 2);
}

TEST(Classification, RefusesLabelsThatMakeNoSense) {
  const ScratchFolder folder;
  const auto refuse = [&](const std::string& content, const ClassificationOptions& set,
                          const std::string& part) {
    test::write(folder / "a.tsv", content);
    auto options = set;
    options.train = {folder / "a.tsv"};
    expect_error([&] { load_classification(options); }, part);
  };
  refuse("ham\tx\nspan\ty\n", {.labels = {"ham", "spam"}},
         "a.tsv:2: row 1 has the label 'span', expected one of 'ham', 'spam'");
  refuse(table({"ham"}, 9), {}, "only the label 'ham' occurs");
  refuse(table({"ham"}, 9), {.labels = {"ham", "spam"}}, "no labelled row has the label 'spam'");
  refuse(table({"a", "b"}, 9), {.labels = {"a", "b", "a"}}, "a label occurs twice");
  refuse(table({"a", "b"}, 1), {}, "leave 1 for training and 0 for validation");
  refuse(table({"a"}, 40) + "b\tonly one\n", {.seed = 2}, "no training row has the label 'b'");
  ClassificationOptions too_much;
  too_much.split.train = 0.9;
  too_much.split.validation = 0.2;
  refuse(table({"a", "b"}, 9), too_much, "add up to 1.1");
}

TEST(Classification, TooFewBalancedRowsAreExplained) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", table({"a", "b"}, 9) + "rare\tx\n");
  expect_error(
      [&] { load_classification({.train = {folder / "a.tsv"}, .balance = Balance::kSmallest}); },
      "smallest cuts each of the 3 labels to 1 row(s), as many as 'rare' has");
}

class ClassificationSet : public testing::Test {
 protected:
  std::vector<LabelledText> rows_{{"abc", 1, 0}, {"a", 0, 1}, {"abcde", 0, 2}};
  ByteTokenizer tokenizer_;
  std::vector<std::int64_t> first_two_{0, 1};
};

TEST_F(ClassificationSet, PadsToTheLongestTextOfTheSet) {
  const ClassificationDataset dataset(rows_, tokenizer_, {.pad_id = 9});
  EXPECT_EQ(dataset.size(), 3);
  EXPECT_EQ(dataset.max_length(), 5);
  const auto batch = dataset.collate(first_two_);
  EXPECT_THAT(batch.inputs, ElementsAre('a', 'b', 'c', 9, 9, 'a', 9, 9, 9, 9));
  EXPECT_THAT(batch.labels, ElementsAre(1, 0));
  EXPECT_THAT(batch.lengths, ElementsAre(3, 1));
  EXPECT_TRUE(batch.targets.empty());
}

TEST_F(ClassificationSet, TheFingerprintCoversWhatIsLearnedFrom) {
  const auto print = [&](const ClassificationDatasetOptions& options) {
    return ClassificationDataset(rows_, tokenizer_, options).fingerprint();
  };
  const auto one = print({});
  EXPECT_EQ(print({}), one);
  EXPECT_NE(print({.max_length = 3}), one);
  EXPECT_NE(print({.max_length = 3, .truncate = Truncate::kLeft}), print({.max_length = 3}));
  EXPECT_NE(print({.pad_id = 9}), one);
  rows_[0].label = 0;
  EXPECT_NE(print({}), one);
}

TEST_F(ClassificationSet, MayPadToTheLongestOfTheBatchOnly) {
  const ClassificationDataset dataset(rows_, tokenizer_, {.pad_id = 9, .pad_to_batch = true});
  EXPECT_THAT(dataset.collate(first_two_).inputs, ElementsAre('a', 'b', 'c', 'a', 9, 9));
}

TEST_F(ClassificationSet, CountsTheTextsItCuts) {
  const ClassificationDataset cut(rows_, tokenizer_, {.max_length = 2});
  EXPECT_EQ(cut.truncated(), 2);
  EXPECT_EQ(cut.longest(), 5);
  EXPECT_THAT(cut.collate(first_two_).lengths, ElementsAre(2, 1));
  const ClassificationDataset context(rows_, tokenizer_, {.context_length = 4});
  EXPECT_EQ(context.max_length(), 4);
  EXPECT_EQ(context.truncated(), 1);
}

// Chapter 6 of the book, all that comes before the model; the digests are of what its code with
// pandas 3.1 and Hugging Face's tokenizer gives.
TEST(Classification, TheMessagesAreTheBooksRowForRow) {
  GPTKIT_REAL_DATA_OR_SKIP(folder);
  const ClassificationOptions options{.train = {folder / "SMSSpamCollection.tsv"},
                                      .labels = {"ham", "spam"},
                                      .balance = Balance::kSmallest};
  std::vector<LabelledText> all;
  std::vector<std::int64_t> classes;
  std::string texts;
  for (const auto& row : read_labelled_table(options.train.front(), {})) {
    all.push_back({row.text, row.label == "spam", row.row});
    classes.push_back(all.back().label);
    texts += (texts.empty() ? "" : std::string(1, '\0')) + row.text;
  }
  EXPECT_EQ(all.size(), 5572u);
  EXPECT_EQ(test::digest(classes),
            "194f966dae87b288b21c52a89ad6f7179b06da173fef468bd229e040c2e2c9ff");
  EXPECT_EQ(sha256_hex(texts), "69e8191c08a3d7bf1ce8bce2337934d52ff89763fbe7d302ce0c6a0a126b4bec");

  const auto balanced = balance_to_smallest(all, 2, 123);
  EXPECT_THAT(class_counts(balanced, 2), ElementsAre(747, 747));
  const auto ham = rows_of(balanced);
  EXPECT_THAT(std::vector(ham.begin(), ham.begin() + 5), ElementsAre(4307, 4138, 4831, 4461, 5440));

  const auto data = load_classification(options);
  EXPECT_EQ(data.rows, 5572);
  EXPECT_EQ(data.train.size(), 1045u);
  EXPECT_EQ(data.validation.size(), 149u);
  EXPECT_EQ(data.test.size(), 300u);
  auto order = rows_of(data.train);
  for (const auto* part : {&data.validation, &data.test}) {
    for (const auto& row : *part) order.push_back(row.row);
  }
  EXPECT_EQ(test::digest(order),
            "0fb36f13a90b0197a9d5f2530d3ccce8ab27c21040f5ee4e7e917742720a5ee7");
}

TEST(Classification, TheMessagesBecomeTheBooksTokens) {
  GPTKIT_REAL_DATA_OR_SKIP(folder);
  const auto tokenizer = test::gpt2_tokenizer(folder);
  const auto data = load_classification({.train = {folder / "SMSSpamCollection.tsv"},
                                         .labels = {"ham", "spam"},
                                         .balance = Balance::kSmallest});
  const auto whole = [](const ClassificationDataset& dataset) {
    std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.size()));
    std::iota(indices.begin(), indices.end(), 0);
    return dataset.collate(indices);
  };
  const ClassificationDataset train(data.train, *tokenizer, {});
  EXPECT_EQ(train.max_length(), 120);
  EXPECT_EQ(test::digest(whole(train).inputs),
            "abb26a96d6a637e5f9e827cbfb340a46a4b2934d6bdb9958898ac426783a4257");
  EXPECT_EQ(test::digest(whole(train).labels),
            "db4064f7349639cf847d7f3243d9a593ab053b44e8a0146cb5b02d4fd2c65110");
  const ClassificationDataset test_set(data.test, *tokenizer, {.max_length = train.max_length()});
  EXPECT_EQ(test::digest(whole(test_set).inputs),
            "6bffa930cea61907f52fb447e3811dc7fb09dd09390d75c8667147e75fae3eba");
  EXPECT_EQ(test_set.truncated(), 0);
}

}  // namespace
}  // namespace gptkit
