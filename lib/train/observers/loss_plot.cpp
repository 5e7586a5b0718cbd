#include "train/observers/loss_plot.h"

#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "train/observers/plot.h"

namespace gptkit {

void LossPlot::stepped(const RunProgress& run) {
  constexpr auto kRedraw = std::chrono::seconds(30);
  if (!run.evaluated.empty() || Clock::now() - drawn_ > kRedraw) draw();
}

/// A plot that cannot be written does not end the run.
void LossPlot::draw() {
  drawn_ = Clock::now();
  if (metrics_.rows().empty()) return;
  try {
    const auto picture = loss_plot(metrics_.rows(), {.title = title_});
    if (!picture.empty()) write_file_atomic(path_, picture);
  } catch (const Error& error) {
    if (!std::exchange(failed_, true)) log_warning(error.what(), "; training continues");
  }
}

}  // namespace gptkit
