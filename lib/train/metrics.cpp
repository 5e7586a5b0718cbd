#include "train/metrics.h"

#include <string_view>

#include "base/error.h"

namespace gptkit {

MetricsLog::MetricsLog(fs::path path, int64_t next_step) : path_(std::move(path)) {
  std::string kept;
  if (fs::exists(path_)) {
    const auto text = read_file(path_);
    size_t begin = 0;
    // A line without its newline was being written when the process died.
    for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line(text.data() + begin, end - begin);
      auto row = parse_json_ordered(line, path_.string());
      const auto step = row.is_object() ? row.find("step") : row.end();
      require(step != row.end() && step->is_number_integer(), path_.string(),
              ": a line without a step: '", printable(line), "'; mend or remove the line");
      if (step->get<int64_t>() >= next_step) continue;
      kept.append(line).push_back('\n');
      rows_.push_back(std::move(row));
    }
  }
  write_file_atomic(path_, kept);
}

void MetricsLog::append(const OrderedJson& row) {
  append_line(path_, dump_json(row));
  rows_.push_back(row);
}

}  // namespace gptkit
