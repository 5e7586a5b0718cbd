#pragma once
// A data mixture as in GPT-3's Table 2.2 (arXiv:2005.14165; the book's Table 1.1): every window of
// the run comes from one of several sources, in the shares of their weights, whatever their sizes.
// Which window stands at a position is a pure function of the position and the seed, so a run goes
// on anywhere with no state but how far it is:
//
//   - Of the first n positions source 1 has share_1 * n, rounded, of the rest source 2 its share
//     of it, and so on: the shares hold to a few windows over any stretch of the run.
//   - Training shuffles each block of 1,024 positions, so that a batch is composed by chance.
//   - A source's r-th window is taken from its epoch r / size: each epoch has an order of its own
//     (permuted_index) and shows every window once before the next begins.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/loader.h"

namespace gptkit {

struct MixtureSource {
  std::string name;
  std::shared_ptr<const Dataset> windows;  // all sources of one width
  double weight = 1;                       // normalised over the sources
};

/// Which window of which source.
struct MixturePick {
  std::size_t source = 0;
  std::int64_t epoch = 0, window = 0;
  bool operator==(const MixturePick&) const = default;
};

class MixtureDataset : public Dataset {
 public:
  /// Without `windows` it is endless, for training: an epoch is as many windows as the sources have
  /// together. With it, it has that many, their order not shuffled: a sample in the mix's shares
  /// for evaluations. Fails for weights that are not positive.
  MixtureDataset(std::vector<MixtureSource> sources, std::uint64_t seed,
                 std::optional<std::int64_t> windows = std::nullopt);

  std::int64_t size() const override { return size_; }
  bool endless() const override { return endless_; }
  Batch collate(std::span<const std::int64_t> positions) const override;

  const std::vector<MixtureSource>& sources() const { return sources_; }
  /// The normalised weight of a source.
  double share(std::size_t source) const;
  /// The window at a position (>= 0).
  MixturePick pick(std::int64_t position) const;
  /// How many of the first n windows come from each source; shuffling within the last, incomplete
  /// block can move it by a few.
  std::vector<std::int64_t> drawn(std::int64_t n) const;

 private:
  std::vector<MixtureSource> sources_;
  std::uint64_t seed_;
  bool endless_;
  std::int64_t size_ = 0;
  std::vector<std::uint64_t> parts_;  // see parts_of_rest in the .cpp
};

/// The most windows that a mix of these sources can show without showing one twice.
std::int64_t windows_without_repeats(const std::vector<MixtureSource>& sources);

/// A line of the table below.
struct MixtureRow {
  std::string name;
  std::int64_t tokens = 0;  // of the source
  double weight = 0;        // as given
  double epochs = 0;        // of the source, in the whole run
};

/// GPT-3's table, a line for each source: dataset, quantity, weight in training mix (normalised),
/// epochs elapsed when training for `run_tokens`. Says in the caption what the weights add up to
/// when that is neither 1 nor 100. No line end after the last line.
std::string mixture_table(const std::vector<MixtureRow>& rows, std::int64_t run_tokens);

}  // namespace gptkit
