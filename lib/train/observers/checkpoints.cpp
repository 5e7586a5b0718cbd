#include "train/observers/checkpoints.h"

#include "base/error.h"
#include "train/guard.h"
#include "train/sharded_optimizer.h"

namespace gptkit {

/// The state after the last step is always kept, so that a finished run can be trained further.
void Checkpoints::updated(const RunProgress& run) {
  const int64_t every = training_.config.checkpoint_every;
  const bool due = every > 0 && run.state.steps_done % every == 0;
  if (due || run.finished()) save(run);
}

/// Files that grow are synced to the disk first. Otherwise a checkpoint could survive a power cut
/// without the lines of its steps, which would leave a permanent gap.
void Checkpoints::save(const RunProgress& run) {
  if (saved_at_ == run.state.steps_done) return;
  auto& model = training_.objective.model();
  const auto weight = first_weight_not_finite(model);
  if (!weight.empty()) {
    fail_runtime("step ", run.step(), ": the weight '", weight,
                 "' is not finite after the update, and no checkpoint of it is saved; start "
                 "again with a lower train.lr, or continue from the checkpoint before it with ",
                 Key{"resume"});
  }
  saved_at_ = run.state.steps_done;
  auto moments = gather_moments(context_.world, optimizer_);
  if (!context_.world.is_main()) return;
  context_.folder.begin();
  if (average_) {
    for (auto& item : average_->state()) moments.push_back(item);
  }
  for (const auto& other : others_) other->before_checkpoint();
  auto state = run.state;
  state.seconds = run.seconds();
  const auto& config = training_.config;
  save_checkpoint(
      context_.folder.path(), model, moments, state,
      {.newest = config.keep_checkpoints, .best = config.keep_best ? state.best.steps_done : 0});
}

}  // namespace gptkit
