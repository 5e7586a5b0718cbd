#pragma once
// `finished.json`: marks a finished run and stores its results. Written after model/, so a resumed
// run does not train, evaluate or write again; removed when training continues.
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

/// After the last step: writes the model, the adapters if there are any, and finished.json;
/// replaces those of an earlier end. Does nothing if the run had already finished.
using SaveModel = std::function<void(const fs::path& folder)>;
void leave_model(const RunFolder& run, const TrainSummary& summary, const std::string& fingerprint,
                 const SaveModel& save, const SaveModel& save_adapter = {});

/// Removes finished.json, because training continues.
void forget_finished(const RunFolder& run);

/// The summary of a resumed run that had already finished, or nothing. Fails if it was trained on
/// other data. Several ranks must call it together.
std::optional<TrainSummary> read_finished(const RunContext& context,
                                          const std::string& fingerprint);

/// The same, but only if there is nothing left to train: the settings give the same length, too.
std::optional<TrainSummary> nothing_left_to_train(const RunContext& context,
                                                  const std::string& fingerprint);

}  // namespace gptkit
