#include "train/run_length.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace gptkit {

namespace {

/// The mean number of input tokens in a batch, estimated from eight batches spread over the data.
/// Batches differ only if examples are padded to the longest.
double tokens_per_batch(const Dataset& data, int64_t batch_size) {
  constexpr int64_t kSample = 8;
  double tokens = 0;
  for (int64_t i = 0; i < kSample; ++i) {
    std::vector<int64_t> indices(static_cast<size_t>(batch_size));
    std::iota(indices.begin(), indices.end(), (data.size() - batch_size) * i / kSample);
    const auto batch = data.collate(indices);
    tokens += static_cast<double>(batch.rows * batch.columns);
  }
  return tokens / kSample;
}

}  // namespace

RunLength run_length(const TrainConfig& config, const Loader& loader) {
  RunLength length{.most_steps = config.epochs * loader.batches()};
  if (config.max_steps > 0) length.most_steps = std::min(length.most_steps, config.max_steps);
  length.steps = length.most_steps;
  if (config.token_budget == 0) return length;
  const double steps = std::ceil(static_cast<double>(config.token_budget) /
                                 tokens_per_batch(loader.dataset(), config.batch_size()));
  if (steps < static_cast<double>(length.steps)) length.steps = static_cast<int64_t>(steps);
  length.budget_reached = steps <= static_cast<double>(length.steps);
  return length;
}

}  // namespace gptkit
