#include "tasks/classify_task.h"

#include <ATen/ops/cross_entropy_loss.h>

#include <utility>

#include "train/precision.h"
#include "train/trainer.h"

namespace gptkit {

ClassifyTask::ClassifyTask(Classifier classifier, std::shared_ptr<const Dataset> train,
                           std::shared_ptr<const Dataset> validation, ClassifyTaskOptions options)
    : classifier_(std::move(classifier)),
      train_(std::move(train)),
      validation_(std::move(validation)),
      options_(std::move(options)) {
  auto gpt = classifier_->gpt();
  gpt->set_recompute(options_.config.recompute);
  if (!options_.class_weights.empty()) {
    class_weights_ =
        torch::tensor(options_.class_weights, torch::kFloat32).to(gpt->device());  // (n_class)
  }
}

namespace {

int64_t batches_in(const Dataset& data, int64_t batch_size) {
  return (data.size() + batch_size - 1) / batch_size;
}

}  // namespace

torch::Tensor ClassifyTask::logits(const Batch& batch, const FrozenTrunk* trunk) {
  const auto device = classifier_->gpt()->device();
  const auto lengths = to_tensor(batch.lengths, {batch.rows}, device);
  const PrecisionScope scope(options_.config.precision, device);
  const auto y =
      trunk ? classifier_->after_trunk((*trunk)(batch), trunk->blocks(), lengths)
            : classifier_(to_tensor(batch.inputs, {batch.rows, batch.columns}, device), lengths);
  return y.to(torch::kFloat32);
}

torch::Tensor ClassifyTask::labels(const Batch& batch) {
  return to_tensor(batch.labels, {batch.rows}, classifier_->gpt()->device());
}

torch::Tensor ClassifyTask::loss(const Batch& batch, const FrozenTrunk* trunk) {
  const auto y = logits(batch, trunk);
  const auto truth = labels(batch);
  if (!class_weights_.defined()) return at::cross_entropy_loss(y, truth);
  // Divided by the rows and not by their weights: so a step is the same however it is cut into
  // micro batches.
  return at::cross_entropy_loss(y, truth, class_weights_, at::Reduction::Sum) / batch.rows;
}

torch::Tensor ClassifyTask::loss(const Batch& batch) { return loss(batch, options_.train_trunk); }

template <class Figure>
Metrics ClassifyTask::over_both(const std::string& name, const Figure& figure) {
  LoaderOptions loader{
      .batch_size = options_.config.micro_batch_size, .shuffle = true, .drop_last = true};
  const int64_t batches = options_.config.eval_batches;
  // All of the validation texts tell when to stop; as many of the others show how far it has got.
  const bool all = batches == 0;
  const int64_t train_batches = all ? batches_in(*validation_, loader.batch_size) : batches;
  const double train = mean_over_batches(train_, loader, train_batches, [&](const Batch& b) {
    return figure(b, options_.train_trunk);
  });
  loader.shuffle = loader.drop_last = false;
  loader.group_by_length = all;
  const double validation = mean_over_batches(validation_, loader, batches, [&](const Batch& b) {
    return figure(b, options_.validation_trunk);
  });
  return {{"train_" + name, train}, {"val_" + name, validation}};
}

Metrics ClassifyTask::evaluate() {
  return over_both("loss", [&](const Batch& batch, const FrozenTrunk* trunk) {
    return loss(batch, trunk).item<double>();
  });
}

Metrics ClassifyTask::end_epoch(int64_t) {
  return over_both("accuracy", [&](const Batch& batch, const FrozenTrunk* trunk) {
    const auto right = logits(batch, trunk).argmax(-1).eq(labels(batch));
    return right.to(torch::kFloat64).mean().item<double>();
  });
}

PlotOptions ClassifyTask::plot() const {
  return {.title = "Classifier: loss", .keys = {"loss", "train_loss", "val_loss"}};
}

}  // namespace gptkit
