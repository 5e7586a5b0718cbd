#pragma once
// Instruction data (instruction_rows.h), split and batched as in the book's chapter 7.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/loader.h"
#include "data/tables/instruction_rows.h"
#include "data/tables/split.h"
#include "text/tokenizer.h"

namespace gptkit {

/// Without validation files, train is cut in order into train, test and validation rows.
struct InstructionOptions {
  std::vector<std::filesystem::path> train = {};
  std::vector<std::filesystem::path> validation = {};
  std::vector<std::filesystem::path> test = {};
  SplitShares split = InstructionSplit();
  bool strict = false;  // refuse what would be left out: keys that are not read, broken rows
};

struct InstructionData {
  std::vector<InstructionRow> train, validation, test;
  InstructionCounts skipped;
};

/// In file order: int(n * train share) rows to train, int(n * test share) to test, the rest to
/// validation. Fails naming file and row for what is not a row, and when train or validation
/// would be empty.
InstructionData load_instructions(const InstructionOptions& options);

/// A row as the model sees it: its tokens, of which the first ones are the prompt's.
struct InstructionExample {
  std::vector<TokenId> ids;
  std::int64_t prompt_tokens = 0;
};

struct InstructionDatasetOptions {
  bool mask_prompt = false;                // no loss on the prompt's tokens
  std::int64_t allowed_max_length = 1024;  // inputs are cut to this many tokens
  TokenId pad_id = 50256;                  // end of text: closes each answer, then pads
};

/// A batch is padded to its longest row. Targets are the inputs moved by one, then one pad_id (the
/// end of text to learn), then kNoLoss.
class InstructionDataset : public Dataset {
 public:
  /// Examples whose cut leaves no target to learn from (a masked prompt as long as the limit) are
  /// skipped and counted; fails when none is left.
  InstructionDataset(std::vector<InstructionExample> examples,
                     const InstructionDatasetOptions& options);

  std::int64_t size() const override { return static_cast<std::int64_t>(examples_.size()); }
  std::int64_t padded_length(std::int64_t example) const override;
  Batch collate(std::span<const std::int64_t> indices) const override;  // and lengths, trim

  std::int64_t truncated() const { return truncated_; }
  std::int64_t skipped_without_target() const { return skipped_; }
  std::int64_t longest() const { return longest_; }  // tokens, before cutting
  /// Over every token and target that is learned from, in order, and the padding.
  std::string fingerprint() const;

 private:
  std::vector<InstructionExample> examples_;
  InstructionDatasetOptions options_;
  std::int64_t truncated_ = 0, skipped_ = 0, longest_ = 0;
};

}  // namespace gptkit
