#include "data/tables/instruction.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "data/fingerprint.h"

namespace gptkit {

namespace {

std::vector<InstructionRow> read_files(const std::vector<std::filesystem::path>& files, bool strict,
                                       InstructionCounts& skipped) {
  std::vector<InstructionRow> rows;
  for (const auto& file : files) {
    auto more = read_instructions(file, strict, skipped);
    std::move(more.begin(), more.end(), std::back_inserter(rows));
  }
  return rows;
}

void split_in_order(const InstructionOptions& options, InstructionData& data) {
  validate(options.split);
  const auto& split = options.split;
  const double train =
      split.train.value_or(1 - split.validation.value_or(0) - split.test.value_or(0));
  const double test = split.test.value_or(1 - train - split.validation.value_or(0));
  auto all = std::move(data.train);
  const auto part = [&](double share) {
    return static_cast<std::int64_t>(static_cast<double>(all.size()) * share);
  };
  const auto train_end = all.begin() + part(train), test_end = train_end + part(test);
  data.train.assign(all.begin(), train_end);
  data.test.assign(train_end, test_end);
  data.validation.assign(test_end, all.end());
  require(!data.train.empty(), all.size(), " instruction row(s) split ", train,
          " leave none for training; give more rows or a validation file");
}

}  // namespace

InstructionData load_instructions(const InstructionOptions& options) {
  require(!options.train.empty(), "no instruction file is given");
  InstructionData data;
  data.train = read_files(options.train, options.strict, data.skipped);
  if (options.validation.empty()) {
    split_in_order(options, data);
  } else {
    data.validation = read_files(options.validation, options.strict, data.skipped);
  }
  if (!options.test.empty()) data.test = read_files(options.test, options.strict, data.skipped);
  return data;
}

InstructionDataset::InstructionDataset(std::vector<InstructionExample> examples,
                                       const InstructionDatasetOptions& options)
    : options_(options) {
  require(options.allowed_max_length > 0, "allowed_max_length ", options.allowed_max_length,
          " must be at least 1");
  const auto limit = options.allowed_max_length;
  for (auto& example : examples) {
    const auto length = std::ssize(example.ids);
    longest_ = std::max(longest_, length);
    const bool all_masked = options.mask_prompt && example.prompt_tokens - 1 >= limit;
    if (length == 0 || all_masked) {
      ++skipped_;
      continue;
    }
    if (length > limit) ++truncated_;
    examples_.push_back(std::move(example));
  }
  require(!examples.empty(), "no instruction rows");
  require(!examples_.empty(), "each of ", examples.size(), " prompts fills the limit of ", limit,
          " tokens, which leaves no answer to learn from; raise the limit (context length)");
}

std::string InstructionDataset::fingerprint() const {
  Fingerprint all;
  for (std::int64_t i = 0; i < size(); ++i) {
    const auto batch = collate(std::span(&i, 1));
    all.add(batch.inputs);
    all.add(batch.targets);
  }
  all.add(std::int64_t{options_.pad_id});
  return all.hex();
}

std::int64_t InstructionDataset::padded_length(std::int64_t example) const {
  const auto length = std::ssize(examples_[static_cast<std::size_t>(example)].ids);
  return std::min(length, options_.allowed_max_length);
}

Batch InstructionDataset::collate(std::span<const std::int64_t> indices) const {
  const auto limit = options_.allowed_max_length;
  Batch batch{.rows = std::ssize(indices)};
  batch.trim = true;
  for (const auto index : indices) {
    batch.lengths.push_back(padded_length(index));
    batch.columns = std::max(batch.columns, batch.lengths.back());
  }
  const auto size = static_cast<std::size_t>(batch.rows * batch.columns);
  batch.inputs.assign(size, options_.pad_id);
  batch.targets.assign(size, kNoLoss);
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const auto& [ids, prompt_tokens] =
        examples_[static_cast<std::size_t>(indices[static_cast<std::size_t>(row)])];
    const auto inputs = batch.inputs.begin() + row * batch.columns;
    const auto targets = batch.targets.begin() + row * batch.columns;
    const auto length = std::ssize(ids);
    std::copy_n(ids.begin(), std::min(length, limit), inputs);
    std::copy_n(ids.begin() + 1, std::min(length - 1, limit), targets);
    if (length <= limit) targets[length - 1] = options_.pad_id;
    if (options_.mask_prompt)
      std::fill_n(targets, std::min({prompt_tokens - 1, length - 1, limit}), kNoLoss);
  }
  return batch;
}

}  // namespace gptkit
