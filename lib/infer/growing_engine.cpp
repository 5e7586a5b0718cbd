#include "infer/growing_engine.h"

#include <algorithm>
#include <utility>

namespace gptkit {

namespace {

constexpr int64_t kFirstRoom = 1024;  // tokens

}  // namespace

GrowingEngine::GrowingEngine(std::unique_ptr<DecodingModel> model, EngineOptions options)
    : model_(std::move(model)), options_(std::move(options)) {}

Engine& GrowingEngine::for_tokens(int64_t tokens) {
  const auto wanted = std::min(tokens, model_->config().context_length);
  if (engine_ && wanted <= room_) return *engine_;
  run_before_ += run_by_engine();
  room_ = std::max(kFirstRoom, 2 * wanted);
  // Two texts, each with a last page of its own.
  options_.cache_bytes = 2 * (room_ / kPageTokens + 1) * model_->layout().page_bytes();
  return engine_.emplace(*model_, options_);
}

int64_t GrowingEngine::run_by_engine() const {
  return engine_ ? engine_->prompt_tokens() - engine_->cached_tokens() : 0;
}

}  // namespace gptkit
