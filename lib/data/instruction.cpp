#include "data/instruction.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gptkit {

namespace {

InstructionRow alpaca_row(const Json& object, const std::string& where) {
  InstructionRow row;
  row.prompt.instruction = json_string(object, "instruction", where);
  row.prompt.input = json_string(object, "input", where, "");
  row.prompt.system = json_string(object, "system", where, "");
  row.output = json_string(object, "output", where);
  return row;
}

/// A conversation: [system], then user and assistant by turns; the last answer is the output.
InstructionRow messages_row(const Json& messages, const std::string& where) {
  require(messages.is_array(), where, ": 'messages' is no list");
  InstructionRow row;
  std::optional<std::string> request;
  bool answered = false;
  for (const auto& message : messages) {
    require(message.is_object(), where, ": a message is no object");
    const auto role = json_string(message, "role", where);
    auto content = json_string(message, "content", where, "");
    if (role == "system" && !request && !answered) {
      row.prompt.system = std::move(content);
    } else if (role == "user" && !request) {
      if (answered) row.prompt.history.push_back({row.prompt.instruction, row.output});
      request = std::move(content);
    } else if (role == "assistant" && request) {
      row.prompt.instruction = *std::exchange(request, std::nullopt);
      row.output = std::move(content);
      answered = true;
    } else {
      fail(where, ": a message of role '", role, "' where ",
           request ? "'assistant'" : "'user' (or at the start 'system')", " was expected");
    }
  }
  require(answered && !request, where,
          ": a conversation must end with an answer (a message of role 'assistant')");
  return row;
}

InstructionRow to_row(const Json& object, const std::string& where) {
  require(object.is_object(), where, ": a row must be a JSON object");
  const auto messages = object.find("messages");
  return messages == object.end() ? alpaca_row(object, where) : messages_row(*messages, where);
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

std::vector<InstructionRow> read_files(const std::vector<fs::path>& files,
                                       std::int64_t& skipped_empty) {
  std::vector<InstructionRow> rows;
  for (const auto& file : files) {
    auto more = read_instructions(file, skipped_empty);
    std::move(more.begin(), more.end(), std::back_inserter(rows));
  }
  return rows;
}

void split_in_order(const InstructionOptions& options, InstructionData& data) {
  const double train = options.train_fraction, test = options.test_fraction;
  require(train > 0 && train < 1 && test >= 0 && train + test < 1, "split fractions ", train,
          " (train) and ", test, " (test) must leave a part for validation");
  auto all = std::move(data.train);
  const auto part = [&](double fraction) {
    return static_cast<std::int64_t>(static_cast<double>(all.size()) * fraction);
  };
  const auto train_end = all.begin() + part(train), test_end = train_end + part(test);
  data.train.assign(all.begin(), train_end);
  data.test.assign(train_end, test_end);
  data.validation.assign(test_end, all.end());
  require(!data.train.empty(), all.size(), " instruction row(s) split ", train,
          " leave none for training; give more rows or a validation file");
}

}  // namespace

std::vector<InstructionRow> read_instructions(const fs::path& path, std::int64_t& skipped_empty) {
  const MappedFile file(path);
  std::vector<InstructionRow> rows;
  std::int64_t number = 0;
  const auto add = [&](const Json& object, const std::string& where) {
    auto row = to_row(object, where);
    row.row = number++;
    if (is_blank(row.output)) {
      ++skipped_empty;
    } else {
      rows.push_back(std::move(row));
    }
  };
  if (path.extension() == ".jsonl") {
    std::string_view text = file.text();
    for (std::int64_t line = 1; !text.empty(); ++line) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto where = concat(path.string(), ":", line);
      if (!is_blank(text.substr(0, end))) add(parse_json(text.substr(0, end), where), where);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  } else {
    const auto array = parse_json(file.text(), path.string());
    require(array.is_array(), path.string(),
            ": expected a JSON array of {instruction, input, output} objects (one object a line is "
            "a .jsonl file)");
    for (const auto& object : array) add(object, concat(path.string(), ": row ", number));
  }
  require(!rows.empty(), path.string(), ": none of ", number,
          " row(s) has an output to learn from");
  return rows;
}

InstructionData load_instructions(const InstructionOptions& options) {
  require(!options.train.empty(), "no instruction file is given");
  InstructionData data;
  data.train = read_files(options.train, data.skipped_empty);
  if (options.validation.empty()) {
    split_in_order(options, data);
  } else {
    data.validation = read_files(options.validation, data.skipped_empty);
  }
  if (!options.test.empty()) data.test = read_files(options.test, data.skipped_empty);
  return data;
}

InstructionDataset::InstructionDataset(const std::vector<InstructionRow>& rows,
                                       const Tokenizer& tokenizer,
                                       const InstructionDatasetOptions& options)
    : options_(options) {
  require(options.allowed_max_length > 0, "allowed_max_length ", options.allowed_max_length,
          " must be at least 1");
  const auto limit = options.allowed_max_length;
  for (const auto& row : rows) {
    const auto prompt = format_prompt(options.style, row.prompt);
    Example example{encode_prompt(tokenizer, prompt + format_response(options.style, row.output)),
                    std::ssize(encode_prompt(tokenizer, prompt))};
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
  require(!rows.empty(), "no instruction rows");
  require(!examples_.empty(), "each of ", rows.size(), " prompts fills the limit of ", limit,
          " tokens, which leaves no answer to learn from; raise the limit (context length)");
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
