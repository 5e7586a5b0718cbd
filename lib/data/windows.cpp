#include "data/windows.h"

#include <utility>

#include "base/error.h"

namespace gptkit {

std::int64_t window_count(std::int64_t tokens, const WindowOptions& options) {
  const std::int64_t begins = tokens - options.length;
  return begins <= 0 ? 0 : (begins + options.stride - 1) / options.stride;
}

WindowDataset::WindowDataset(TokenStream tokens, const WindowOptions& options,
                             const std::string& name)
    : tokens_(std::move(tokens)), options_(options) {
  require(options.length > 0, "window length ", options.length, " must be at least 1");
  require(options.stride > 0, "window stride ", options.stride, " must be at least 1");
  size_ = window_count(tokens_.size(), options);
  require(size_ > 0, name, ": ", tokens_.size(), " tokens are too few for one window of ",
          options.length, " tokens and its targets (", options.length + 1,
          " needed); give more text or a smaller context length");
}

Batch WindowDataset::collate(std::span<const std::int64_t> indices) const {
  const std::int64_t B = static_cast<std::int64_t>(indices.size()), T = options_.length;
  Batch batch{.rows = B, .columns = T};
  batch.lengths.assign(indices.size(), T);
  batch.inputs.reserve(static_cast<std::size_t>(B * T));
  batch.targets.reserve(static_cast<std::size_t>(B * T));
  std::vector<std::int64_t> window(static_cast<std::size_t>(T + 1));
  for (const std::int64_t index : indices) {
    tokens_.copy(index * options_.stride, window);
    batch.inputs.insert(batch.inputs.end(), window.begin(), window.end() - 1);
    batch.targets.insert(batch.targets.end(), window.begin() + 1, window.end());
  }
  return batch;
}

}  // namespace gptkit
