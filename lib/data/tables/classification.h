#pragma once
// Labelled texts -> classes, balanced and split as the book's chapter 6 does it with pandas, and
// the dataset that pads them.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/loader.h"
#include "data/tables/split.h"
#include "data/tables/table.h"
#include "text/tokenizer.h"
#include "text/truncate.h"

namespace gptkit {

enum class Balance { kNone, kSmallest, kWeights };

constexpr auto enum_names(Balance) {
  return std::array<std::pair<std::string_view, Balance>, 3>{{
      {"none", Balance::kNone},
      {"smallest", Balance::kSmallest},  // every class sampled down to the smallest: the book
      {"weights", Balance::kWeights},    // all rows; the rarer a class, the more its loss counts
  }};
}

/// Without validation files the rows of train are split. Test files replace the test rows of the
/// split.
struct ClassificationOptions {
  std::vector<std::filesystem::path> train = {};       // labelled files
  std::vector<std::filesystem::path> validation = {};  // empty: a share of train
  std::vector<std::filesystem::path> test = {};
  TableColumns columns = {};
  std::vector<std::string> labels = {};  // class 0, 1, ...; empty: those of train, sorted
  Balance balance = Balance::kNone;      // of the train files
  SplitShares split = ClassificationSplit();
  std::uint32_t seed = 123;  // NumPy's, of sampling and shuffling
};

struct LabelledText {
  std::string text;
  std::int64_t label = 0;  // class
  std::int64_t row = 0;    // in its file, from 0
};

struct ClassificationData {
  std::vector<std::string> labels;
  std::vector<LabelledText> train, validation, test;
  std::int64_t rows = 0;           // read from the train files
  std::int64_t skipped_empty = 0;  // rows without text, in all files
};

/// Fails, naming file and row, for a label that is not among `labels`; for fewer than two classes;
/// for a class without a training row; and when train or validation would be empty. With split
/// files nothing is cut from train, and its rows are shuffled by the loader only.
ClassificationData load_classification(const ClassificationOptions& options);

/// One class number a text, sampled down as pandas' sample does and concatenated in class order.
/// The smallest classes keep all rows in file order.
std::vector<LabelledText> balance_to_smallest(const std::vector<LabelledText>& rows,
                                              std::int64_t classes, std::uint32_t seed);

/// Cuts rows into k parts with the classes' shares in each (k-fold cross-validation); shuffled with
/// NumPy's generator. Fails when a class has fewer rows than parts.
std::vector<std::vector<LabelledText>> stratified_folds(const std::vector<LabelledText>& rows,
                                                        const std::vector<std::string>& labels,
                                                        std::int64_t k, std::uint32_t seed);

/// What a row's loss counts by its class, rows / (classes * rows of the class): 1 on average.
std::vector<double> class_weights(const std::vector<LabelledText>& rows, std::int64_t classes);

/// How often each class occurs.
std::vector<std::int64_t> class_counts(const std::vector<LabelledText>& rows, std::int64_t classes);

struct ClassificationDatasetOptions {
  std::int64_t max_length = 0;         // tokens; 0: the longest text of this set
  std::int64_t context_length = 1024;  // no text is longer than this
  TokenId pad_id = 50256;
  bool pad_to_batch = false;  // pad to the longest of each batch instead of to max_length
  Truncate truncate = Truncate::kRight;
};

class ClassificationDataset : public Dataset {
 public:
  ClassificationDataset(const std::vector<LabelledText>& rows, const Tokenizer& tokenizer,
                        const ClassificationDatasetOptions& options);

  std::int64_t size() const override { return static_cast<std::int64_t>(labels_.size()); }
  /// inputs, labels, lengths, examples, trim
  Batch collate(std::span<const std::int64_t> indices) const override;

  /// Tokens of an example; at least 1, as an empty text is the padding token alone.
  std::int64_t length(std::int64_t example) const {
    return std::ssize(ids_[static_cast<std::size_t>(example)]);
  }
  std::int64_t padded_length(std::int64_t example) const override {
    return pad_to_batch_ ? length(example) : max_length_;
  }

  /// Of every example, as the model sees it.
  const std::vector<std::vector<TokenId>>& ids() const { return ids_; }

  std::int64_t max_length() const { return max_length_; }
  double mean_length() const;                            // tokens
  std::int64_t truncated() const { return truncated_; }  // texts cut to max_length
  std::int64_t longest() const { return longest_; }      // tokens, before cutting
  /// Over every token and class in order, and the padding.
  std::string fingerprint() const;

 private:
  std::vector<std::vector<TokenId>> ids_;
  std::vector<std::int64_t> labels_;
  std::int64_t max_length_ = 0, truncated_ = 0, longest_ = 0;
  TokenId pad_id_;
  bool pad_to_batch_;
};

}  // namespace gptkit
