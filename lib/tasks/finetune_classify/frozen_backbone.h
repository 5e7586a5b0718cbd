#pragma once
// The frozen part of a classifier, computed once. If the first blocks are frozen and use no random
// numbers, the activations of a text below the first trainable block are the same in every epoch.
// They are computed once, in batches of similar lengths, and stored without padding.

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

/// Where the activations are stored.
enum class BackboneStore {
  kAuto,    ///< in memory if they take at most a quarter of it, else in a file
  kMemory,  ///< in memory
  kFile,    ///< in a mapped file in the run folder, removed when the program ends
  kOff,     ///< not stored: every step runs the whole model
};
constexpr auto enum_names(BackboneStore) {
  return std::array{std::pair{"auto", BackboneStore::kAuto},
                    std::pair{"memory", BackboneStore::kMemory},
                    std::pair{"file", BackboneStore::kFile}, std::pair{"off", BackboneStore::kOff}};
}

/// The number of leading blocks that are frozen and without dropout; 0 if the embeddings are
/// trained.
int64_t frozen_blocks(const Classifier& classifier);

class FrozenBackbone {
 public:
  struct Options {
    BackboneStore store = BackboneStore::kAuto;
    Precision precision = Precision::kFloat32;  ///< of the computation
    torch::ScalarType dtype = torch::kFloat32;  ///< of the stored activations
    std::filesystem::path folder;               ///< for kFile
    const char* what = "texts";                 ///< for the progress bar
  };

  /// Runs the first `blocks` blocks over every example. Fails if the disk has no room for the file.
  FrozenBackbone(Classifier classifier, const ClassificationDataset& data, int64_t blocks,
                 const Options& options);

  /// The output of the blocks for a batch of the dataset: (N,C) float32 on the model's device, for
  /// all tokens of Classifier::packing() of the batch.
  torch::Tensor operator()(const Batch& batch) const;

  int64_t blocks() const { return blocks_; }
  int64_t bytes() const { return static_cast<int64_t>(kept_.nbytes()); }

 private:
  int64_t blocks_;
  torch::Device device_;
  std::vector<int64_t> begin_;  // first row of each example in kept_, and the end of the last
  torch::Tensor kept_;          // (tokens of all texts, C)
};

/// The class logits (N,n_class), float64 on the CPU, of the texts in the backbone.
torch::Tensor logits_after_backbone(Classifier classifier, const ClassificationDataset& data,
                                    const FrozenBackbone& backbone, Precision precision);

}  // namespace gptkit
