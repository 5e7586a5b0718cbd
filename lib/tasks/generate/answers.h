#pragma once
// The answers to a file of prompts, as a JSONL file that grows line by line in the order of the
// prompts: after an interruption the whole lines are kept.

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "base/files.h"
#include "tasks/generate/generate.h"

namespace gptkit {

class AnswerFile {
 public:
  /// Starts the file, or with `resume` continues it: its lines must answer the first prompts. Fails
  /// for a file that exists without `resume`.
  AnswerFile(const fs::path& path, const std::vector<std::string>& prompts, bool resume);

  /// Prompts that are answered already.
  size_t answered() const { return next_; }
  /// Answers may come in any order; a line is written when all before it are there.
  void add(size_t index, const Generation& answer);
  /// A line with "error" for a prompt that cannot be answered; the others go on.
  void add_error(size_t index, const std::string& message);

 private:
  void keep_answered();
  void add_line(size_t index, std::string line);

  fs::path path_;
  const std::vector<std::string>& prompts_;
  size_t next_ = 0;                     // the prompt whose answer is the next line
  std::map<size_t, std::string> held_;  // lines that wait for an earlier one
};

}  // namespace gptkit
