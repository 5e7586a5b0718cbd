#pragma once
// Sliding windows over a token stream, the examples of pretraining: window i has the inputs
// tokens[i*stride, +length) and as targets the same range moved by one.

#include <cstdint>
#include <span>
#include <string>

#include "data/corpus/token_shard.h"
#include "data/loader.h"

namespace gptkit {

struct WindowOptions {
  std::int64_t length = 256;  // tokens per window
  std::int64_t stride = 256;  // from one window's begin to the next
};

/// len(range(0, tokens - length, stride)): windows that still have a target for each input.
std::int64_t window_count(std::int64_t tokens, const WindowOptions& options);

class WindowDataset : public Dataset {
 public:
  /// Fails, with both numbers, when the stream is too short for one window. `name` ("training
  /// text") opens that message.
  WindowDataset(TokenStream tokens, const WindowOptions& options, const std::string& name);

  std::int64_t size() const override { return size_; }
  Batch collate(std::span<const std::int64_t> indices) const override;  // inputs, targets (B,T)

 private:
  TokenStream tokens_;
  WindowOptions options_;
  std::int64_t size_;
};

}  // namespace gptkit
