#include "tasks/finetune_classify/classify_task.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cross_entropy.h"
#include "kernels/fast_precision.h"
#include "tasks/training/common.h"
#include "tensors/finite.h"
#include "tensors/precision.h"
#include "train/trainer.h"

namespace gptkit {

ClassifyTask::ClassifyTask(Classifier classifier,
                           std::shared_ptr<const ClassificationDataset> train,
                           std::shared_ptr<const ClassificationDataset> validation,
                           ClassifyTaskOptions options)
    : classifier_(std::move(classifier)),
      train_(std::move(train)),
      validation_(std::move(validation)),
      options_(std::move(options)),
      mean_tokens_(train_->mean_length()) {
  auto gpt = classifier_->gpt();
  gpt->set_recompute(options_.config.activation_checkpointing);
  if (!options_.class_weights.empty()) {
    class_weights_ =
        torch::tensor(options_.class_weights, torch::kFloat32).to(gpt->device());  // (n_class)
  }
}

namespace {

int64_t batches_in(const Dataset& data, int64_t batch_size) {
  return (data.size() + batch_size - 1) / batch_size;
}

/// The token behind each of the batch; kNoLoss behind the last of a text and in the padding.
std::vector<int64_t> next_tokens(const Batch& batch) {
  std::vector<int64_t> targets(batch.inputs.size(), kNoLoss);
  for (int64_t row = 0; row < batch.rows; ++row) {
    const auto begin = batch.inputs.begin() + row * batch.columns;
    const int64_t length = batch.lengths[static_cast<size_t>(row)];
    std::copy(begin + 1, begin + length, targets.begin() + row * batch.columns);
  }
  return targets;
}

}  // namespace

torch::Tensor ClassifyTask::embedded(const Batch& batch, const Packing& packing) {
  return classifier_->gpt()->first_blocks(packed(batch.inputs, batch, packing), packing, 0);
}

torch::Tensor ClassifyTask::logits(const Batch& batch, const FrozenBackbone* backbone) {
  const PrecisionScope scope(
      resolve_precision(options_.config.precision, classifier_->gpt()->device()),
      classifier_->gpt()->device());
  const auto packing = classifier_->packing(batch.columns, batch.lengths);
  const auto x = backbone ? (*backbone)(batch) : embedded(batch, packing);  // (N,C)
  return classifier_->logits_after_blocks(x, packing, backbone ? backbone->blocks() : 0)
      .to(torch::kFloat32);
}

torch::Tensor ClassifyTask::labels(const Batch& batch) {
  return to_tensor(batch.labels, {batch.rows}, classifier_->gpt()->device());
}

torch::Tensor ClassifyTask::class_loss(const Batch& batch, const torch::Tensor& y) {
  const auto truth = labels(batch);
  if (!class_weights_.defined()) return at::cross_entropy_loss(y, truth);
  // Divided by the rows and not by their weights: so a step is the same however it is cut into
  // micro batches.
  return at::cross_entropy_loss(y, truth, class_weights_, at::Reduction::Sum) / batch.rows;
}

torch::Tensor ClassifyTask::loss(const Batch& batch) {
  if (options_.language_model_loss > 0) return loss_with_language_model(batch);
  return class_loss(batch, logits(batch, options_.train_backbone));
}

torch::Tensor ClassifyTask::loss_with_language_model(const Batch& batch) {
  auto gpt = classifier_->gpt();
  const PrecisionScope scope(resolve_precision(options_.config.precision, gpt->device()),
                             gpt->device());
  const auto packing = classifier_->packing(batch.columns, batch.lengths);
  const auto* backbone = options_.train_backbone;
  const auto x = backbone ? (*backbone)(batch) : embedded(batch, packing);
  const auto hidden =
      gpt->hidden_after_blocks(x, packing, backbone ? backbone->blocks() : 0);  // (N,C)
  const auto y = classifier_->from_hidden(hidden, packing).to(torch::kFloat32);

  // Divided by the tokens of as many average texts: as in the class loss, the same however a step
  // is cut into micro batches.
  const auto language = linear_cross_entropy(
      hidden, gpt->head_weight(), packed(next_tokens(batch), batch, packing),
      {.ignored = kNoLoss, .terms = mean_tokens_ * static_cast<double>(batch.rows)});
  return class_loss(batch, y) + options_.language_model_loss * language;
}

template <class Figure>
Metrics ClassifyTask::over_both(const std::string& name, const Figure& figure) {
  const auto& config = options_.config;
  EvaluationOptions options{
      .loader = {.batch_size = config.batch_size(), .shuffle = true, .drop_last = true},
      .batches = config.eval_batches,
      .micro_batch_size = config.micro_batch_size,
      .name = "train_" + name};
  // All of the validation texts tell when to stop; as many of the others show how far it has got.
  const bool all = options.batches == 0;
  if (all) options.batches = batches_in(*validation_, options.loader.batch_size);
  const double train = mean_over_batches(
      train_, options, [&](const Batch& b) { return figure(b, options_.train_backbone); });
  options.loader.shuffle = options.loader.drop_last = false;
  options.loader.group_by_length = all;
  options.name = "val_" + name;
  const double validation = mean_over_batches(validation_, options, [&](const Batch& b) {
    return figure(b, options_.validation_backbone);
  });
  return {{"train_" + name, train}, {"val_" + name, validation}};
}

Metrics ClassifyTask::evaluate() {
  return over_both("loss", [&](const Batch& batch, const FrozenBackbone* backbone) -> MeanTerms {
    const auto rows = static_cast<double>(batch.rows);
    return {rows * class_loss(batch, logits(batch, backbone)).item<double>(), rows};
  });
}

Metrics ClassifyTask::end_epoch(int64_t) {
  return over_both("accuracy",
                   [&](const Batch& batch, const FrozenBackbone* backbone) -> MeanTerms {
                     const auto y = logits(batch, backbone);
                     require_finite_results(y, "");
                     const auto right = y.argmax(-1).eq(labels(batch));
                     return {right.sum().item<double>(), static_cast<double>(batch.rows)};
                   });
}

PlotOptions ClassifyTask::plot() const {
  return {.title = "Classifier: loss", .keys = {"loss", "train_loss", "val_loss"}};
}

}  // namespace gptkit
