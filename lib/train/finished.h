#pragma once
// `finished.json`: that a run has ended, and how. Written once model/ is there, so a resumed run
// need not train, evaluate or write it again; removed when it is trained on.
//
//   {"steps": 5, "tokens": 640, "seconds": 1.2, "stopped_early": false, "data": fingerprint,
//    "best": {"val_loss": 3.1, "steps_done": 5, "evaluations_since": 0} or null,
//    "evaluation": {"train_loss": 2.9, "val_loss": 3.1}}

#include <functional>
#include <optional>
#include <string>

#include "train/run_context.h"
#include "train/trainer.h"

namespace gptkit {

/// After the last step: the model, and adapters if there are any, in place of those of an earlier
/// end, and finished.json. Nothing if the run had ended before.
using SaveModel = std::function<void(const fs::path& folder)>;
void leave_model(const RunFolder& run, const TrainSummary& summary, const std::string& fingerprint,
                 const SaveModel& save, const SaveModel& save_adapter = {});

/// Removes finished.json: the run is trained on.
void forget_finished(const RunFolder& run);

/// How a run that is resumed ended, or nothing if it has not. Fails if it was trained on other
/// data. Several ranks have to call it together.
std::optional<TrainSummary> read_finished(const RunContext& context,
                                          const std::string& fingerprint);

/// The same for a run that has nothing left to train: its settings say no other length either.
std::optional<TrainSummary> nothing_left_to_train(const RunContext& context,
                                                  const std::string& fingerprint);

}  // namespace gptkit
