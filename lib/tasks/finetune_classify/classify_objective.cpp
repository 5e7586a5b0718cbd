#include "tasks/finetune_classify/classify_objective.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cross_entropy.h"
#include "tensors/finite.h"
#include "train/batch_tensors.h"

namespace gptkit {

ClassifyObjective::ClassifyObjective(Classifier classifier, ClassifyOptions options)
    : classifier_(std::move(classifier)), options_(std::move(options)) {
  if (!options_.class_weights.empty()) {
    class_weights_ = torch::tensor(options_.class_weights, torch::kFloat32)
                         .to(classifier_->gpt()->device());  // (n_class)
  }
}

namespace {

/// The next token at each position of the batch; kNoLoss after the last token of a text and in the
/// padding.
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

torch::Tensor ClassifyObjective::embedded(const Batch& batch, const Packing& packing) {
  return classifier_->gpt()->first_blocks(packed(batch.inputs, batch, packing), packing, 0);
}

torch::Tensor ClassifyObjective::logits(const Batch& batch, const FrozenBackbone* backbone) {
  const auto packing = classifier_->packing(batch.columns, batch.lengths);
  const auto x = backbone ? (*backbone)(batch) : embedded(batch, packing);  // (N,C)
  return classifier_->logits_after_blocks(x, packing, backbone ? backbone->blocks() : 0)
      .to(torch::kFloat32);
}

torch::Tensor ClassifyObjective::labels(const Batch& batch) {
  return to_tensor(batch.labels, {batch.rows}, classifier_->gpt()->device());
}

torch::Tensor ClassifyObjective::class_loss(const Batch& batch, const torch::Tensor& logits) {
  const auto truth = labels(batch);
  if (!class_weights_.defined()) return at::cross_entropy_loss(logits, truth);
  // Divided by the number of rows, not by their weights, so that a step does not depend on its
  // micro batches.
  return at::cross_entropy_loss(logits, truth, class_weights_, at::Reduction::Sum) / batch.rows;
}

torch::Tensor ClassifyObjective::loss(const Batch& batch) {
  if (options_.language_model_loss > 0) return loss_with_language_model(batch);
  return class_loss(batch, logits(batch, options_.train_backbone));
}

torch::Tensor ClassifyObjective::loss_with_language_model(const Batch& batch) {
  auto gpt = classifier_->gpt();
  const auto packing = classifier_->packing(batch.columns, batch.lengths);
  const auto* backbone = options_.train_backbone;
  const auto x = backbone ? (*backbone)(batch) : embedded(batch, packing);
  const auto hidden =
      gpt->hidden_after_blocks(x, packing, backbone ? backbone->blocks() : 0);  // (N,C)
  const auto y = classifier_->from_hidden(hidden, packing).to(torch::kFloat32);

  // Divided by the mean number of tokens times the number of texts. As in the class loss, a step
  // then does not depend on its micro batches.
  const auto language = linear_cross_entropy(
      hidden, gpt->head_weight(), packed(next_tokens(batch), batch, packing),
      {.ignored = kNoLoss, .terms = options_.mean_tokens * static_cast<double>(batch.rows)});
  return class_loss(batch, y) + options_.language_model_loss * language;
}

MeanTerms ClassifyObjective::evaluate(const Batch& batch, DataPart part) {
  const auto rows = static_cast<double>(batch.rows);
  return {rows * class_loss(batch, logits(batch, backbone_of(part))).item<double>(), rows};
}

std::vector<Measure> ClassifyObjective::epoch_measures() {
  return {{"accuracy", [this](const Batch& batch, DataPart part) -> MeanTerms {
             const auto y = logits(batch, backbone_of(part));
             require_finite_results(y, "");
             const auto right = y.argmax(-1).eq(labels(batch));
             return {right.sum().item<double>(), static_cast<double>(batch.rows)};
           }}};
}

}  // namespace gptkit
