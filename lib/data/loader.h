#pragma once
// PyTorch's DataLoader without processes: an order of the examples per epoch, cut into batches. The
// cursor is a small value, so a resumed run continues with the very next batch.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/batch.h"

namespace gptkit {

/// Examples by number, made into batches on demand. Const calls may come from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// Whether every index from 0 on is an example, in the order that is wanted (a data mixture):
  /// never shuffled, each epoch goes on behind the last one, and size() is what is called an epoch.
  virtual bool endless() const { return false; }
  /// Positions that an example takes in a batch with others of its length. Data whose examples are
  /// all of one length need not tell it.
  virtual std::int64_t padded_length(std::int64_t /*example*/) const { return 0; }
  virtual Batch collate(std::span<const std::int64_t> indices) const = 0;
};

struct LoaderOptions {
  std::int64_t batch_size = 8;
  bool shuffle = false;
  bool drop_last = false;
  // Batches of like lengths, so that little is padding: when shuffling among neighbours in the
  // shuffled order, else among all examples.
  bool group_by_length = false;
  std::int64_t rank = 0, ranks = 1;  // with several, rank r takes batches r, r + ranks, ...; every
                                     // rank gets equally many, the remainder is left out
};

/// The position of a loader, as a checkpoint stores it.
struct LoaderState {
  std::int64_t epoch = 0;  // epochs started so far
  std::int64_t batch = 0;  // batches taken from the current one
  std::uint64_t seed = 0;  // of the current epoch's order
  bool operator==(const LoaderState&) const = default;
};

class Loader {
 public:
  /// Fails when the dataset gives no batch at all (empty, or smaller than one with drop_last).
  Loader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);

  /// Batches per epoch (of this rank).
  std::int64_t batches() const { return batches_; }
  const Dataset& dataset() const { return *dataset_; }

  /// Begins an epoch. When shuffling, the order is torch_permutation(seed, size): the seed is the
  /// int64 that PyTorch's RandomSampler draws (its DataLoader draws another one just before).
  /// Endless data are never shuffled.
  void start_epoch(std::uint64_t seed = 0);
  /// The next batch of the epoch; nothing at its end, and before the first start_epoch.
  std::optional<Batch> next();
  /// The numbers of the examples in the batch that next() gave last.
  std::span<const std::int64_t> last_examples() const { return last_; }

  const LoaderState& state() const { return state_; }
  /// Continues where state() was taken; fails when the position is not one of this loader's.
  void restore(const LoaderState& state);

 private:
  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  std::int64_t batches_;
  LoaderState state_;
  std::vector<std::int64_t> order_;  // empty when sequential
  bool grouped_ = false;             // by length, which differs
  std::vector<std::int64_t> last_;

  bool shuffled() const { return options_.shuffle && !dataset_->endless(); }
  void make_order(std::uint64_t seed);
  void group_by_length(std::uint64_t seed);
  std::int64_t first_example() const;
};

}  // namespace gptkit
