#include "train/evaluation.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "distributed/world.h"
#include "train/checkpoint.h"

namespace gptkit {

double mean_over_batches(std::shared_ptr<const Dataset> data, const EvaluationOptions& options,
                         const std::function<MeanTerms(const Batch&)>& measure) {
  Loader loader(std::move(data), options.loader);
  start_epoch_like_pytorch(loader, options.loader.shuffle);
  const int64_t batches =
      options.batches > 0 ? std::min(options.batches, loader.batches()) : loader.batches();
  auto& ranks = world();
  double sum = 0, count = 0;
  int64_t micro_batches = 0;
  for (int64_t i = 0; i < batches; ++i) {
    // An evaluation may take long. Several ranks stop together, after it.
    if (ranks.size() == 1) stop_if_asked("stopped while evaluating");
    const auto batch = loader.next();
    // Endless data go on behind their size: what is there is measured once.
    const int64_t left = loader.dataset().size() - i * options.loader.batch_size;
    const int64_t rows = std::min(batch->rows, left);
    const int64_t step = options.micro_batch_size > 0 ? options.micro_batch_size : rows;
    for (int64_t begin = 0; begin < rows; begin += step) {
      if (micro_batches++ % ranks.size() != ranks.rank()) continue;
      const auto terms = measure(rows_of(*batch, begin, std::min(rows, begin + step)));
      sum += terms.sum;
      count += terms.count;
    }
  }
  sum = ranks.sum(sum);
  count = ranks.sum(count);
  require(count > 0, options.name, ": none of the rows that are measured has anything to predict");
  return sum / count;
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
