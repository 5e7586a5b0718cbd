#pragma once
// Everything that defines one training. Constant from the first step on.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "data/loader.h"
#include "train/config.h"
#include "train/objective.h"

namespace gptkit {

struct TrainingData {
  std::shared_ptr<const Dataset> train;
  std::shared_ptr<const Dataset> validation;  ///< null: none, so there is no val_loss
  /// A fingerprint of the data, which a resumed run compares.
  std::string fingerprint;
  /// The data for train_loss; null: train.
  std::shared_ptr<const Dataset> train_sample = nullptr;
  /// train.eval_batches 0 measures all of validation, in batches of similar lengths, and as many
  /// batches of train. False: all of both.
  bool match_validation = false;
};

/// Text that the model writes during training.
struct Samples {
  std::function<std::string()> write = {};  ///< empty: no samples
  bool every_evaluation = false;            ///< instead of after every epoch
};

struct Training {
  Training(Objective& learned, TrainingData from, const TrainConfig& settings)
      : objective(learned), data(std::move(from)), config(settings) {}

  Objective& objective;
  TrainingData data;
  TrainConfig config;
  Samples samples;
  std::string plot_title = "Loss";
};

/// Fails for settings that are out of range, or that need data that this training does not have.
void validate(const Training& training);

}  // namespace gptkit
