#pragma once
// One batch of examples as plain row-major numbers; the training layer makes tensors of them.

#include <cstdint>
#include <vector>

namespace gptkit {

/// A target that takes no part in the loss (cross entropy's ignore_index).
inline constexpr std::int64_t kNoLoss = -100;

struct Batch {
  std::int64_t rows = 0;                    // B
  std::int64_t columns = 0;                 // T
  std::vector<std::int64_t> inputs = {};    // (B,T)
  std::vector<std::int64_t> targets = {};   // (B,T); empty when the labels are the targets
  std::vector<std::int64_t> labels = {};    // (B) classes; empty in language modelling
  std::vector<std::int64_t> lengths = {};   // (B) input tokens before the padding
  std::vector<std::int64_t> examples = {};  // (B) their numbers in the dataset, where it tells them
  bool trim = false;                        // nothing reads the padding: fewer rows may have less
};

}  // namespace gptkit
