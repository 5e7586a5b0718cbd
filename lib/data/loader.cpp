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
}

void Loader::start_epoch(std::uint64_t seed) {
  state_ = {.epoch = state_.epoch + 1, .batch = 0, .seed = seed};
  if (shuffled()) order_ = torch_permutation(seed, dataset_->size());
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
  if (shuffled()) {
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
  if (shuffled() && state.epoch > 0) order_ = torch_permutation(state.seed, dataset_->size());
}

}  // namespace gptkit
