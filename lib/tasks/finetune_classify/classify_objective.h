#pragma once
// The objective of finetuning a classifier: cross entropy over the classes, and accuracy at the end
// of each epoch.

#include <vector>

#include "models/heads/classifier.h"
#include "tasks/finetune_classify/frozen_backbone.h"
#include "train/objective.h"

namespace gptkit {

struct ClassifyOptions {
  std::vector<double> class_weights = {};  ///< of each class's loss; empty: all 1
  /// The weight of the next-token loss beside the class loss in training; 0: none.
  double language_model_loss = 0;
  double mean_tokens = 0;  ///< of a training text; for language_model_loss
  /// For the training and the validation texts; null: the whole model runs in every step.
  const FrozenBackbone* train_backbone = nullptr;
  const FrozenBackbone* validation_backbone = nullptr;
};

class ClassifyObjective : public Objective {
 public:
  ClassifyObjective(Classifier classifier, ClassifyOptions options);

  torch::nn::Module& model() override { return *classifier_; }
  int64_t loss_terms(const Batch& batch) const override { return batch.rows; }
  /// Cross entropy over the classes, and over the next tokens if the options request it.
  torch::Tensor loss(const Batch& batch) override;
  /// Only the class loss.
  MeanTerms evaluate(const Batch& batch, DataPart part) override;
  /// accuracy
  std::vector<Measure> epoch_measures() override;

 private:
  torch::Tensor embedded(const Batch& batch, const Packing& packing);
  torch::Tensor logits(const Batch& batch, const FrozenBackbone* backbone);
  torch::Tensor class_loss(const Batch& batch, const torch::Tensor& logits);
  torch::Tensor loss_with_language_model(const Batch& batch);
  torch::Tensor labels(const Batch& batch);
  const FrozenBackbone* backbone_of(DataPart part) const {
    return part == DataPart::kTraining ? options_.train_backbone : options_.validation_backbone;
  }

  Classifier classifier_;
  ClassifyOptions options_;
  torch::Tensor class_weights_;  // (n_class), or undefined
};

}  // namespace gptkit
