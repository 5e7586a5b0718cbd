#include "train/observers/metrics_file.h"

#include <cmath>

namespace gptkit {

void MetricsFile::stepped(const RunProgress& run) {
  const auto& state = run.state;
  OrderedJson row = {
      {"step", run.step()},
      {"epoch", static_cast<double>(state.steps_done) / static_cast<double>(run.steps_per_epoch)},
      {"tokens", state.tokens}};
  for (const auto& [name, value] : state.last_step) row[name] = value;
  for (const auto& [name, value] : run.evaluated) row[name] = value;
  row["seconds"] = std::round(run.seconds() * 1000) / 1000;
  log_->append(row);
}

const std::vector<OrderedJson>& MetricsFile::rows() const {
  static const std::vector<OrderedJson> none;
  return log_ ? log_->rows() : none;
}

}  // namespace gptkit
