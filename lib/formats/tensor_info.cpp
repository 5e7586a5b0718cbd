#include "formats/tensor_info.h"

#include <limits>

#include "base/error.h"

namespace gptkit {

std::uint64_t tensor_bytes(DType dtype, const std::vector<std::int64_t>& shape,
                           std::string_view what) {
  constexpr std::size_t kMaxDimensions = 64;  // as many as LibTorch takes
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  require(shape.size() <= kMaxDimensions, what, " has ", shape.size(), " dimensions; at most ",
          kMaxDimensions, " are accepted");
  const DTypeBlock block = block_of(dtype);
  const std::int64_t row = shape.empty() ? 1 : shape.back();
  require(row % static_cast<std::int64_t>(block.elements) == 0, what, " has rows of ", row,
          " elements; ", name(dtype), " needs a multiple of ", block.elements);
  std::uint64_t bytes = block.bytes;
  bool empty = false;
  for (const std::int64_t size : shape) {
    require(size >= 0, what, " has a dimension of ", size, "; expected none below 0");
    empty = empty || size == 0;
    if (size == 0) continue;
    require(bytes <= kMax / static_cast<std::uint64_t>(size), what,
            " has a shape whose size overflows 64 bits");
    bytes *= static_cast<std::uint64_t>(size);
  }
  return empty ? 0 : bytes / block.elements;
}

}  // namespace gptkit
