#include "train/observers/sample_file.h"

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"

namespace gptkit {

void SampleFile::evaluating(const RunProgress& run, bool loss) {
  if (!samples_.write) return;
  if (samples_.every_evaluation && loss) write("evaluation");
  if (!samples_.every_evaluation && run.ends_epoch()) {
    write(concat("epoch ", run.state.steps_done / run.steps_per_epoch));
  }
}

void SampleFile::write(const std::string& when) {
  try {
    const auto text = samples_.write();
    folder_.append_sample(concat(when, ": ", text));
    log_info("  ", text);
  } catch (const Stopped&) {  // several ranks stop together, after the step
    if (ranks_ == 1) throw;
  }
}

}  // namespace gptkit
