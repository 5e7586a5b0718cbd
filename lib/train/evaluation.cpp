#include "train/evaluation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "train/checkpoint.h"
#include "train/forward.h"

namespace gptkit {

double mean_over_batches(World& world, std::shared_ptr<const Dataset> data,
                         const EvaluationOptions& options,
                         const std::function<MeanTerms(const Batch&)>& measure) {
  Loader loader(std::move(data), options.loader);
  start_epoch_like_pytorch(loader, options.loader.shuffle);
  const int64_t batches =
      options.batches > 0 ? std::min(options.batches, loader.batches()) : loader.batches();
  double sum = 0, count = 0;
  int64_t micro_batches = 0;
  for (int64_t i = 0; i < batches; ++i) {
    // An evaluation may take long. Several ranks stop together, after it.
    if (world.size() == 1) stop_if_asked("stopped while evaluating");
    const auto batch = loader.next();
    // Endless data repeat after their size: each example is measured once.
    const int64_t left = loader.dataset().size() - i * options.loader.batch_size;
    const int64_t rows = std::min(batch->rows, left);
    const int64_t step = options.micro_batch_size > 0 ? options.micro_batch_size : rows;
    for (int64_t begin = 0; begin < rows; begin += step) {
      if (micro_batches++ % world.size() != world.rank()) continue;
      const auto terms = measure(rows_of(*batch, begin, std::min(rows, begin + step)));
      sum += terms.sum;
      count += terms.count;
    }
  }
  sum = world.sum(sum);
  count = world.sum(count);
  require(count > 0, options.name, ": none of the evaluated rows has a target to predict");
  return sum / count;
}

namespace {

int64_t batches_in(const Dataset& data, int64_t batch_size) {
  return (data.size() + batch_size - 1) / batch_size;
}

}  // namespace

Metrics evaluate(const Training& training, World& world, const Measure& measure) {
  const auto& data = training.data;
  const auto& config = training.config;
  const auto mean = [&](const std::shared_ptr<const Dataset>& rows,
                        const EvaluationOptions& options, DataPart part) {
    return mean_over_batches(world, rows, options, [&](const Batch& batch) {
      const auto precision = training_precision(training.objective, config);
      return measure.terms(batch, part);
    });
  };
  const auto& train = data.train_sample ? data.train_sample : data.train;
  const bool all = data.match_validation && data.validation && config.eval_batches == 0;
  EvaluationOptions options{.loader = {.batch_size = config.batch_size(), .shuffle = true},
                            .batches = config.eval_batches,
                            .micro_batch_size = config.micro_batch_size,
                            .name = "train_" + measure.name};
  if (all) options.batches = batches_in(*data.validation, config.batch_size());
  // A mixture's sample may be smaller than a step.
  options.loader.drop_last = options.batches > 0 && train->size() >= config.batch_size();
  Metrics metrics = {{options.name, mean(train, options, DataPart::kTraining)}};
  if (!data.validation) return metrics;
  options.loader.shuffle = options.loader.drop_last = false;
  options.loader.group_by_length = all;
  options.name = "val_" + measure.name;
  metrics.emplace_back(options.name, mean(data.validation, options, DataPart::kValidation));
  return metrics;
}

Metrics evaluate_loss(const Training& training, World& world) {
  return evaluate(training, world, {"loss", [&](const Batch& batch, DataPart part) {
                                      return training.objective.evaluate(batch, part);
                                    }});
}

void start_epoch_like_pytorch(Loader& loader, bool shuffle) {
  draw_seed();  // DataLoader's base seed for its workers, drawn with or without them
  loader.start_epoch(shuffle ? draw_seed() : 0);
}

Batch rows_of(const Batch& batch, int64_t begin, int64_t end) {
  if (begin == 0 && end == batch.rows) return batch;
  int64_t columns = batch.columns;
  if (batch.trim) {
    columns = *std::max_element(batch.lengths.begin() + begin, batch.lengths.begin() + end);
  }
  const auto cut = [&](const std::vector<int64_t>& from, int64_t width, int64_t kept) {
    std::vector<int64_t> rows;
    for (int64_t row = from.empty() ? end : begin; row < end; ++row) {
      const auto first = from.begin() + row * width;
      rows.insert(rows.end(), first, first + kept);
    }
    return rows;
  };
  return {end - begin,
          columns,
          cut(batch.inputs, batch.columns, columns),
          cut(batch.targets, batch.columns, columns),
          cut(batch.labels, 1, 1),
          cut(batch.lengths, 1, 1),
          cut(batch.examples, 1, 1),
          batch.trim};
}

}  // namespace gptkit
