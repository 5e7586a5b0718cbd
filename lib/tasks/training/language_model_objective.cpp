#include "tasks/training/language_model_objective.h"

#include <algorithm>

#include "kernels/cross_entropy.h"
#include "nn/packing.h"
#include "train/batch_tensors.h"

namespace gptkit {

torch::Tensor language_model_loss(GPT& gpt, const Batch& batch) {
  // Counted on the CPU, to avoid waiting for a GPU.
  const CrossEntropyOptions options{.ignored = kNoLoss,
                                    .terms = static_cast<double>(count_targets(batch))};
  const bool padded = std::any_of(batch.lengths.begin(), batch.lengths.end(),
                                  [&](int64_t length) { return length < batch.columns; });
  if (padded) {
    const Packing packing(batch.lengths, gpt->device());
    const auto hidden = gpt->hidden(packed(batch.inputs, batch, packing), packing);  // (N,C)
    return linear_cross_entropy(hidden, gpt->head_weight(), packed(batch.targets, batch, packing),
                                options);
  }
  const auto ids = to_tensor(batch.inputs, {batch.rows, batch.columns}, gpt->device());
  const auto targets = to_tensor(batch.targets, {batch.rows * batch.columns}, gpt->device());
  return linear_cross_entropy(gpt->hidden(ids).flatten(0, 1), gpt->head_weight(), targets, options);
}

int64_t count_targets(const Batch& batch) {
  return std::count_if(batch.targets.begin(), batch.targets.end(),
                       [](int64_t target) { return target != kNoLoss; });
}

}  // namespace gptkit
