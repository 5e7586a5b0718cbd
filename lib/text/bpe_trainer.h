#pragma once
// Learns a byte-level BPE vocabulary: the 256 bytes in GPT-2's order, then one token per merge,
// then the special tokens. The same merges as Hugging Face's BpeTrainer over a ByteLevel
// pre-tokenizer: in every round the adjacent pair with the highest count merges, and of equal
// counts the one with the smallest ids (left part first). Neither the order of the texts nor the
// number of threads changes the result.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe.h"

namespace gptkit {

struct BpeTrainingOptions {
  std::int64_t vocab_size = 32000;  // bytes, merges and special tokens together
  std::int64_t min_count = 2;       // rarer pairs do not merge; the vocabulary may end up smaller
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
};

/// Fails when the vocabulary has no room for the bytes and the special tokens.
void validate(const BpeTrainingOptions& options);

/// How often each GPT-2 pre-token occurs in the texts seen so far. Memory grows with the number of
/// different pre-tokens, not with the texts.
class PretokenCounts {
 public:
  /// Occurrences of these texts are cut out: nothing is learned from them or across them.
  explicit PretokenCounts(std::vector<std::string> special_tokens = {"<|endoftext|>"})
      : special_tokens_(std::move(special_tokens)) {}

  /// Counts one text (a whole document: pre-tokens never reach across two calls).
  void add(std::string_view text, int threads = 1);

  std::int64_t bytes() const { return bytes_; }
  bool empty() const { return counts_.empty(); }
  const std::unordered_map<std::string, std::int64_t>& counts() const { return counts_; }

 private:
  std::vector<std::string> special_tokens_;
  std::unordered_map<std::string, std::int64_t> counts_;
  std::int64_t bytes_ = 0;
};

/// Learns the vocabulary. It is smaller than asked for when no pair is left that occurs min_count
/// times. `progress`, if given, is called with the number of tokens so far.
BpeModel train_bpe(const PretokenCounts& counts, const BpeTrainingOptions& options,
                   const std::function<void(std::int64_t)>& progress = {});

}  // namespace gptkit
