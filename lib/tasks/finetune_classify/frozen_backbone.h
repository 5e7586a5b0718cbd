#pragma once
// The part of a classifier that does not learn, worked out once. Where the first blocks are frozen
// and draw no random numbers, a text's activations below the first block that learns are the same
// in every epoch: they are computed once, in batches of like lengths, and kept without padding.

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <utility>
#include <vector>

#include "data/tables/classification.h"
#include "models/heads/classifier.h"
#include "tensors/precision.h"

namespace gptkit {

/// Where the activations are kept.
enum class BackboneStore {
  kAuto,    ///< in memory while they take at most a quarter of it, else in a file
  kMemory,  ///< in memory
  kFile,    ///< in a mapped file inside the run folder, gone when the program ends
  kOff,     ///< nowhere: every step runs the whole model
};
constexpr auto enum_names(BackboneStore) {
  return std::array{std::pair{"auto", BackboneStore::kAuto},
                    std::pair{"memory", BackboneStore::kMemory},
                    std::pair{"file", BackboneStore::kFile}, std::pair{"off", BackboneStore::kOff}};
}

/// How many blocks from the first on neither learn nor drop anything out; 0 when the embeddings
/// learn.
int64_t frozen_blocks(const Classifier& classifier);

class FrozenBackbone {
 public:
  struct Options {
    BackboneStore store = BackboneStore::kAuto;
    Precision precision = Precision::kFloat32;  ///< of the computation
    torch::ScalarType dtype = torch::kFloat32;  ///< in which the activations are kept
    std::filesystem::path folder;               ///< for kFile
    const char* what = "texts";                 ///< in the progress
  };

  /// Runs the first `blocks` blocks over every example. Fails when the file has no room.
  FrozenBackbone(Classifier classifier, const ClassificationDataset& data, int64_t blocks,
                 const Options& options);

  /// What the blocks make of a batch of the dataset: (N,C) float32 on the model's device, for all
  /// that Classifier::packing() of the batch has.
  torch::Tensor operator()(const Batch& batch) const;

  int64_t blocks() const { return blocks_; }
  int64_t bytes() const { return static_cast<int64_t>(kept_.nbytes()); }

 private:
  int64_t blocks_;
  torch::Device device_;
  std::vector<int64_t> begin_;  // first row of each example in kept_, and one behind the last
  torch::Tensor kept_;          // (tokens of all texts, C)
};

/// The class logits (N,n_class), float64 on the CPU, of the texts that the backbone was run over.
torch::Tensor logits_after_backbone(Classifier classifier, const ClassificationDataset& data,
                                    const FrozenBackbone& backbone, Precision precision);

}  // namespace gptkit
