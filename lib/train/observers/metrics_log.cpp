#include "train/observers/metrics_log.h"

#include <fcntl.h>

#include <string_view>

#include "base/descriptor.h"
#include "base/error.h"

namespace gptkit {

namespace {

int64_t step_of(const OrderedJson& row, const fs::path& path) {
  const auto step = row.is_object() ? row.find("step") : row.end();
  require(step != row.end() && step->is_number_integer(), path.string(),
          ": a line without a step: '", printable(dump_json(row)), "'; correct or remove the line");
  return step->get<int64_t>();
}

}  // namespace

MetricsLog::MetricsLog(fs::path path, int64_t next_step) : path_(std::move(path)) {
  std::string kept;
  if (fs::exists(path_)) {
    const auto text = read_file(path_);
    size_t begin = 0;
    // A line without its newline was being written when the process died.
    for (size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string_view line(text.data() + begin, end - begin);
      // Anything may follow the last valid row: a power cut can leave zeros there.
      if (next_step <= 0 || (!rows_.empty() && step_of(rows_.back(), path_) == next_step - 1))
        break;
      auto row = parse_json_ordered(line, path_.string());
      if (step_of(row, path_) >= next_step) break;
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

void MetricsLog::sync() const { sync_path(path_, O_WRONLY); }

}  // namespace gptkit
