#pragma once
// The tokenizer behind the public one.

#include <memory>

#include "gptkit/tokenizer.h"
#include "text/tokenizer.h"

namespace gptkit::api {

struct Tokenizer::Impl {
  std::shared_ptr<const gptkit::Tokenizer> tokenizer;
};

inline Tokenizer public_tokenizer(std::shared_ptr<const gptkit::Tokenizer> tokenizer) {
  return Tokenizer(std::make_shared<Tokenizer::Impl>(Tokenizer::Impl{std::move(tokenizer)}));
}

}  // namespace gptkit::api
