#include "train/observers/stopping.h"

#include <algorithm>

#include "base/log.h"

namespace gptkit {

void Stopping::evaluated(RunProgress& run) {
  const auto& metrics = run.last_evaluation;
  const auto found = std::find_if(metrics.begin(), metrics.end(),
                                  [](const auto& item) { return item.first == "val_loss"; });
  if (found == metrics.end()) return;
  const auto& config = training_.config;
  auto& best = run.state.best;
  if (found->second < best.val_loss) {
    if (config.keep_best) checkpoints_.save(run);
    best = {.val_loss = found->second, .steps_done = run.state.steps_done};
    return;
  }
  const bool stops =
      config.early_stopping > 0 && best.evaluations_since + 1 >= config.early_stopping;
  if (stops) checkpoints_.save(run);  // before this evaluation counts
  ++best.evaluations_since;
  if (!stops) return;
  run.stopped_early = true;
  log_info("step ", run.step(), ": no lower val_loss than ", best.val_loss, " (step ",
           best.steps_done - 1, ") in ", best.evaluations_since, " evaluations: stopping early");
}

void Stopping::ended(const RunProgress& run) {
  if (!training_.config.keep_best || !context_.world.is_main()) return;
  const auto& best = run.state.best;
  if (best.steps_done == 0 || best.steps_done == run.state.steps_done) return;
  const auto checkpoint = checkpoint_folder(context_.folder.path(), best.steps_done);
  const auto averages = average_ ? average_->state() : NamedTensors();
  if (!load_weights(checkpoint, training_.objective.model(), averages)) {
    log_warning("the best weights, of step ", best.steps_done - 1,
                ", no longer exist: the model has the weights of the last step");
    return;
  }
  log_info("the model has the weights of step ", best.steps_done - 1, ", whose val_loss ",
           best.val_loss, " is the lowest");
}

}  // namespace gptkit
