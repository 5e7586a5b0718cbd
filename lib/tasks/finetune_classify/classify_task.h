#pragma once
// What finetuning a classifier brings to the trainer: cross entropy over the classes, loss and
// accuracy on both splits.

#include <memory>
#include <string>
#include <vector>

#include "models/heads/classifier.h"
#include "tasks/finetune_classify/frozen_backbone.h"
#include "train/config.h"
#include "train/training_task.h"

namespace gptkit {

struct ClassifyTaskOptions {
  std::string fingerprint;                 ///< of the training texts
  const TrainConfig& config;               ///< referred to, not copied
  std::vector<double> class_weights = {};  ///< of each class's loss; empty: all 1
  /// What predicting each text's next token counts beside the class while training; 0: nothing.
  double language_model_loss = 0;
  /// Of the training and the validation texts; null: the whole model runs in every step.
  const FrozenBackbone* train_backbone = nullptr;
  const FrozenBackbone* validation_backbone = nullptr;
};

class ClassifyTask : public TrainingTask {
 public:
  ClassifyTask(Classifier classifier, std::shared_ptr<const ClassificationDataset> train,
               std::shared_ptr<const ClassificationDataset> validation,
               ClassifyTaskOptions options);

  torch::nn::Module& model() override { return *classifier_; }
  std::shared_ptr<const Dataset> train_data() const override { return train_; }
  std::string data_fingerprint() const override { return options_.fingerprint; }
  int64_t loss_terms(const Batch& batch) const override { return batch.rows; }

  /// Cross entropy over the classes, and over the next tokens where the options say so.
  torch::Tensor loss(const Batch& batch) override;
  /// train_loss, val_loss: of the classes
  Metrics evaluate() override;
  /// train_accuracy, val_accuracy
  Metrics end_epoch(int64_t epoch) override;
  PlotOptions plot() const override;

 private:
  torch::Tensor embedded(const Batch& batch, const Packing& packing);
  torch::Tensor logits(const Batch& batch, const FrozenBackbone* backbone);
  torch::Tensor class_loss(const Batch& batch, const torch::Tensor& logits);
  torch::Tensor loss_with_language_model(const Batch& batch);
  torch::Tensor labels(const Batch& batch);
  template <class Figure>
  Metrics over_both(const std::string& name, const Figure& figure);

  Classifier classifier_;
  std::shared_ptr<const ClassificationDataset> train_, validation_;
  ClassifyTaskOptions options_;
  torch::Tensor class_weights_;  // (n_class), or undefined
  double mean_tokens_;           // of a training text
};

}  // namespace gptkit
