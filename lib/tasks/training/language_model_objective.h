#pragma once
// Next-token prediction: the objective of pretraining and of instruction finetuning, which differ
// only in their data.

#include <torch/types.h>

#include <cstdint>
#include <utility>

#include "data/batch.h"
#include "models/gpt.h"
#include "train/objective.h"

namespace gptkit {

/// The mean cross entropy over the targets that are not kNoLoss. Padding has no targets.
torch::Tensor language_model_loss(GPT& gpt, const Batch& batch);
/// The number of targets in the loss.
int64_t count_targets(const Batch& batch);

class LanguageModelObjective : public Objective {
 public:
  explicit LanguageModelObjective(GPT gpt) : gpt_(std::move(gpt)) {}

  torch::nn::Module& model() override { return *gpt_; }
  torch::Tensor loss(const Batch& batch) override { return language_model_loss(gpt_, batch); }
  int64_t loss_terms(const Batch& batch) const override { return count_targets(batch); }

 private:
  GPT gpt_;
};

}  // namespace gptkit
