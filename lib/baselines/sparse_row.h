#pragma once
// A row of numbers most of which are zero.

#include <cstdint>
#include <vector>

namespace gptkit {

struct SparseEntry {
  std::uint32_t column = 0;
  float value = 0;  // 8 bytes an entry: n-grams of 50,000 texts are millions of them
};

/// By ascending column, none twice.
using SparseRow = std::vector<SparseEntry>;

}  // namespace gptkit
