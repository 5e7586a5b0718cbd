#pragma once
// Learning to predict the next token, as the trainer sees it: pretraining and instruction
// finetuning differ only in their data and in the samples they write.

#include <functional>
#include <memory>
#include <string>

#include "base/stop.h"
#include "distributed/world.h"
#include "tasks/training/common.h"
#include "train/trainer.h"

namespace gptkit {

class LanguageModelTask : public TrainingTask {
 public:
  struct Data {
    std::shared_ptr<const Dataset> train, validation;  ///< validation may be null
    std::string fingerprint;
    std::shared_ptr<const Dataset> train_sample = nullptr;  ///< of train_loss; null: train
  };
  /// `write_sample` gets what it is called after: "epoch 3" or, if every_evaluation, "evaluation".
  LanguageModelTask(LanguageModel model, Data data, const TrainConfig& config,
                    bool every_evaluation, std::function<void(const std::string&)> write_sample)
      : model_(std::move(model)),
        data_(std::move(data)),
        config_(config),
        every_evaluation_(every_evaluation),
        write_sample_(std::move(write_sample)) {
    model_.gpt->set_recompute(config.activation_checkpointing);
  }

  torch::nn::Module& model() override { return *model_.gpt; }
  std::shared_ptr<const Dataset> train_data() const override { return data_.train; }
  std::string data_fingerprint() const override { return data_.fingerprint; }
  torch::Tensor loss(const Batch& batch) override {
    return language_model_loss(model_.gpt, batch, config_.precision);
  }
  int64_t loss_terms(const Batch& batch) const override { return count_targets(batch); }

  Metrics evaluate() override {
    auto metrics =
        evaluate_language_model(model_.gpt, data_.train_sample ? data_.train_sample : data_.train,
                                data_.validation, config_);
    if (every_evaluation_) write_sample("evaluation");
    return metrics;
  }

  bool has_validation() const override { return data_.validation != nullptr; }

  Metrics end_epoch(int64_t epoch) override {
    if (!every_evaluation_) write_sample(concat("epoch ", epoch + 1));
    return {};
  }

 private:
  void write_sample(const std::string& when) {
    if (!world().is_main()) return;
    try {
      write_sample_(when);
    } catch (const Stopped&) {  // several ranks stop together, after the step
      if (world().size() == 1) throw;
    }
  }

  LanguageModel model_;
  Data data_;
  const TrainConfig& config_;
  bool every_evaluation_;
  std::function<void(const std::string&)> write_sample_;
};

}  // namespace gptkit
