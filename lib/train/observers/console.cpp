#include "train/observers/console.h"

#include <cstdio>
#include <string>

#include "base/log.h"

namespace gptkit {

namespace {

/// "loss 3.214, 1852 tokens/s, val 3.301": behind the progress bar.
std::string loss_note(const Metrics& metrics) {
  std::string note;
  const auto add = [&](const char* before, double value, int digits, const char* after) {
    char text[48];
    std::snprintf(text, sizeof text, "%s%s%.*f%s", note.empty() ? "" : ", ", before, digits, value,
                  after);
    note += text;
  };
  for (const auto& [name, value] : metrics) {
    if (name == "loss") add("loss ", value, 3, "");
    if (name == "tokens_per_second") add("", value, 0, " tokens/s");
    if (name == "val_loss") add("val ", value, 3, "");
  }
  return note;
}

/// "train_loss 9.781, val_loss 9.933, val_accuracy 95.67 %".
std::string one_line(const Metrics& metrics) {
  std::string line;
  for (const auto& [name, value] : metrics) {
    const bool share = name.ends_with("accuracy");
    char text[32];
    std::snprintf(text, sizeof text, share ? "%.2f %%" : "%.3f", share ? 100 * value : value);
    line += (line.empty() ? "" : ", ") + name + " " + text;
  }
  return line;
}

}  // namespace

void Console::stepped(const RunProgress& run) {
  auto shown = run.state.last_step;
  shown.insert(shown.end(), run.last_evaluation.begin(), run.last_evaluation.end());
  progress_.update(run.state.steps_done, loss_note(shown));
  if (!run.evaluated.empty()) log_info("step ", run.step(), ": ", one_line(run.evaluated));
}

}  // namespace gptkit
