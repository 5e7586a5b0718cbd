#include "tasks/generate/answers.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {

AnswerFile::AnswerFile(const fs::path& path, const std::vector<std::string>& prompts, bool resume)
    : path_(path), prompts_(prompts) {
  if (!is_there(path)) {
    write_file_atomic(path, "");
    return;
  }
  require(resume, Key{"output"}, ": ", path.string(), " exists; continue it with ", Key{"resume"},
          ", or name another file");
  keep_answered();
}

void AnswerFile::keep_answered() {
  const auto text = read_file(path_);
  size_t begin = 0;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
    const auto where = concat(path_.string(), ":", next_ + 1);
    const auto row = parse_json(text.substr(begin, end - begin), where);
    require(next_ < prompts_.size() && row.is_object() && row.contains("prompt") &&
                row["prompt"] == prompts_[next_],
            where, ": this line does not answer prompt ", next_ + 1,
            "; the prompts have changed: name another ", Key{"output"});
    ++next_;
    begin = end + 1;
  }
  // A line that was cut off by a kill is computed again.
  if (begin < text.size()) write_file_atomic(path_, text.substr(0, begin));
}

void AnswerFile::add(size_t index, const Generation& answer) {
  add_line(index, dump_json(to_json(prompts_[index], answer)));
}

void AnswerFile::add_error(size_t index, const std::string& message) {
  add_line(index, dump_json(OrderedJson{{"prompt", prompts_[index]}, {"error", message}}));
}

void AnswerFile::add_line(size_t index, std::string line) {
  held_[index] = std::move(line);
  for (auto first = held_.begin(); first != held_.end() && first->first == next_;
       first = held_.erase(first)) {
    append_line(path_, first->second);
    ++next_;
  }
}

}  // namespace gptkit
