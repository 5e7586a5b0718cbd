#pragma once
// The rows of an instruction file: requests and their answers in the shapes that data sets have.
//
//   Alpaca         {"instruction", "input", "output", "system", "history": [[request, answer]]},
//   and
//                  other names of the same: prompt, question, query; context, query (beside
//                  instruction or prompt); response, answer, completion; system_prompt
//   messages       {"messages": [{"role": "user", "content": ...}]}: OpenAI's, and TRL's "prompt"
//   and
//                  "completion" as lists of messages
//   conversations  {"conversations": [{"from": "human", "value": ...}], "system"}: ShareGPT's
//
// A file is JSON lines, an array, or an object with one list in it (json_rows.h). A key that is
// null is absent. Keys of tools, pictures and of messages that are not learned are refused by name.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gptkit {

/// One earlier request of a conversation and its answer.
struct Turn {
  std::string request, response;
  bool operator==(const Turn&) const = default;
};

/// A request. Only `instruction` is required.
struct PromptFields {
  std::string instruction, input;
  std::optional<std::string> system = {};  // a message may be empty; Alpaca's empty text is none
  std::vector<Turn> history = {};          // oldest first
  bool operator==(const PromptFields&) const = default;
};

struct InstructionRow {
  PromptFields prompt;
  std::string output;
  std::int64_t row = 0;  // in its file, from 0
};

/// The rows of a file that are left out.
struct InstructionCounts {
  std::int64_t skipped_empty = 0;   // rows without an answer
  std::int64_t skipped_broken = 0;  // rows with half of a UTF-16 pair, which is no character
};

/// The rows of one file. Warns once of keys that are not read, with their counts, and of broken
/// rows; `strict` refuses both. Fails, naming file and row, for a row of another shape; for names
/// of which two could be the request, the input or the answer; and when no row has an answer.
std::vector<InstructionRow> read_instructions(const std::filesystem::path& path, bool strict,
                                              InstructionCounts& counts);

}  // namespace gptkit
