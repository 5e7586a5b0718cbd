#pragma once
// An engine for texts that come one after the other: its cache holds the longest of them and the
// ones before, so that beginnings are shared, while thousands of texts take no more memory.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "infer/engine.h"
#include "models/decoding_model.h"

namespace gptkit {

class GrowingEngine {
 public:
  /// `options` but for cache_bytes.
  GrowingEngine(std::unique_ptr<DecodingModel> model, EngineOptions options);
  GrowingEngine(const GrowingEngine&) = delete;
  GrowingEngine& operator=(const GrowingEngine&) = delete;

  /// With room for texts of this many tokens, or of the context if that is less. A larger cache
  /// than before is empty; it has twice the room that is asked for, so this is rare.
  Engine& for_tokens(int64_t tokens);
  /// So far: what was reused is not in it.
  int64_t tokens_run() const { return run_before_ + run_by_engine(); }

 private:
  int64_t run_by_engine() const;

  std::unique_ptr<DecodingModel> model_;
  EngineOptions options_;
  std::optional<Engine> engine_;
  int64_t room_ = 0, run_before_ = 0;  // tokens
};

}  // namespace gptkit
