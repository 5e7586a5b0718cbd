#include "data/loader.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "data/random_order.h"

namespace gptkit {

namespace {

std::int64_t count_batches(std::int64_t size, const LoaderOptions& options) {
  const std::int64_t whole = size / options.batch_size;
  const bool with_rest = !options.drop_last && size % options.batch_size != 0;
  return (whole + (with_rest ? 1 : 0)) / options.ranks;
}

}  // namespace

Loader::Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)), options_(options) {
  require(options.batch_size > 0, "batch size ", options.batch_size, " must be at least 1");
  require(options.ranks > 0 && options.rank >= 0 && options.rank < options.ranks, "rank ",
          options.rank, " is not one of ", options.ranks, " processes");
  batches_ = count_batches(dataset_->size(), options);
  require(batches_ > 0, "too little data: ", dataset_->size(), " examples do not fill a batch of ",
          options.batch_size,
          options.ranks > 1 ? concat(" for each of ", options.ranks, " processes") : "",
          "; use smaller batches or more data");
  // Examples of one length stay in the order that PyTorch gives them.
  for (std::int64_t i = 1; options.group_by_length && !dataset_->endless() && !grouped_; ++i) {
    if (i >= dataset_->size()) break;
    grouped_ = dataset_->padded_length(i) != dataset_->padded_length(0);
  }
}

void Loader::start_epoch(std::uint64_t seed) {
  state_ = {.epoch = state_.epoch + 1, .batch = 0, .seed = seed};
  make_order(seed);
}

void Loader::make_order(std::uint64_t seed) {
  if (shuffled()) {
    order_ = torch_permutation(seed, dataset_->size());
  } else if (grouped_) {
    order_.resize(static_cast<std::size_t>(dataset_->size()));
    std::iota(order_.begin(), order_.end(), std::int64_t{0});
  }
  if (grouped_) group_by_length(seed);
}

/// Sorts the order by length: all of it, or when shuffling windows of a few batches, whose batches
/// are then shuffled, so that chance still decides who meets whom and when.
void Loader::group_by_length(std::uint64_t seed) {
  constexpr std::int64_t kWindow = 16;  // batches: little padding is left, much chance too
  const std::int64_t batch = options_.batch_size;
  // When shuffling, who is left for an incomplete last batch is left to chance.
  const std::int64_t size =
      options_.shuffle ? std::ssize(order_) / batch * batch : std::ssize(order_);
  const std::int64_t window = options_.shuffle ? kWindow * batch : size;
  for (std::int64_t begin = 0; begin < size; begin += window) {
    std::stable_sort(order_.begin() + begin, order_.begin() + std::min(size, begin + window),
                     [&](std::int64_t a, std::int64_t b) {
                       return dataset_->padded_length(a) < dataset_->padded_length(b);
                     });
  }
  if (!options_.shuffle) return;
  const auto turns = torch_permutation(~seed, size / batch);
  std::vector<std::int64_t> turned;
  for (const auto turn : turns) {
    turned.insert(turned.end(), order_.begin() + turn * batch, order_.begin() + (turn + 1) * batch);
  }
  std::copy(turned.begin(), turned.end(), order_.begin());
}

/// Where the next batch begins in the order of the examples.
std::int64_t Loader::first_example() const {
  const std::int64_t before = dataset_->endless() ? (state_.epoch - 1) * batches_ : 0;
  return ((before + state_.batch) * options_.ranks + options_.rank) * options_.batch_size;
}

std::optional<Batch> Loader::next() {
  if (state_.epoch == 0 || state_.batch == batches_) return std::nullopt;
  const std::int64_t begin = first_example();
  const std::int64_t end = dataset_->endless()
                               ? begin + options_.batch_size
                               : std::min(begin + options_.batch_size, dataset_->size());
  ++state_.batch;
  last_.resize(static_cast<std::size_t>(end - begin));
  if (!order_.empty()) {
    std::copy(order_.begin() + begin, order_.begin() + end, last_.begin());
  } else {
    std::iota(last_.begin(), last_.end(), begin);
  }
  return dataset_->collate(last_);
}

void Loader::restore(const LoaderState& state) {
  require(state.epoch >= 0 && state.batch >= 0 && state.batch <= batches_,
          "cannot continue at batch ", state.batch, " of epoch ", state.epoch, ": an epoch has ",
          batches_, " batches; the data or the batch size differs from the interrupted run's");
  state_ = state;
  if (state.epoch > 0) make_order(state.seed);
}

}  // namespace gptkit
