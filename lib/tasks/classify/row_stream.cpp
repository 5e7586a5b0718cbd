#include "tasks/classify/row_stream.h"

#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace gptkit {

namespace {

constexpr std::size_t kChunkBytes = std::size_t{4} << 20;
constexpr int64_t kNamed = 100;  // number of bad rows that are reported one by one

}  // namespace

RowStream::RowStream(TableReader reader, const RowStreamOptions& options)
    : reader_(std::move(reader)), options_(options) {
  const auto bytes = reader_.source().size();
  if (options_.activity.empty() || bytes == 0) return;
  progress_.emplace(options_.activity, static_cast<int64_t>(bytes / 1000 + 1), "kB");
}

void RowStream::show_progress() {
  if (!progress_) return;
  progress_->update(static_cast<int64_t>(reader_.source().taken() / 1000 + 1),
                    concat(format_count(reader_.rows()), " rows"));
}

void RowStream::skip(std::string_view problem) {
  if (options_.strict) {
    if (error_.empty()) error_ = problem;
    return;
  }
  if (skipped_ < kNamed) log_warning(problem, "; the row is skipped");
  if (++skipped_ == kNamed + 1) log_warning("further rows that are skipped are only counted");
}

std::vector<TableRow> RowStream::next() {
  require(error_.empty(), error_);
  show_progress();
  std::vector<TableRow> rows;
  std::size_t bytes = 0;
  while (std::ssize(rows) < options_.chunk_rows && bytes < kChunkBytes) {
    if (!rows.empty() && !reader_.row_is_ready()) break;
    auto entry = reader_.next();
    if (!entry) break;
    if (entry->problem.empty()) {
      bytes += entry->row.text.size();
      rows.push_back(std::move(entry->row));
      continue;
    }
    skip(entry->problem);
    if (options_.strict) break;
  }
  require(!rows.empty() || error_.empty(), error_);
  return rows;
}

void RowStream::finish() {
  require(error_.empty(), error_);
  progress_.reset();
  const auto& name = reader_.source().name();
  require(reader_.rows() > 0 || reader_.format() == TableFormat::kLines, name, ": no rows");
  if (skipped_ == 0) return;
  require(skipped_ < reader_.rows(), name, ": none of its ", reader_.rows(),
          " row(s) could be read");
  log_warning(name, ": ", format_count(skipped_), " of ", format_count(reader_.rows()),
              " rows were skipped");
}

}  // namespace gptkit
