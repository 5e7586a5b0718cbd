#pragma once
// What becomes of a text with more tokens than a model takes.

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

enum class Truncate {
  kRight,   ///< the end is cut off
  kLeft,    ///< the beginning is cut off
  kRefuse,  ///< an error, the caller's to report
};
constexpr auto enum_names(Truncate) {
  return std::array{std::pair{"right", Truncate::kRight}, std::pair{"left", Truncate::kLeft},
                    std::pair{"refuse", Truncate::kRefuse}};
}

/// Cuts ids to max_tokens; whether there was anything to cut. kRefuse leaves them as they are.
inline bool truncate(std::vector<TokenId>& ids, std::int64_t max_tokens, Truncate how) {
  const auto excess = static_cast<std::int64_t>(ids.size()) - max_tokens;
  if (excess <= 0) return false;
  if (how == Truncate::kRight) ids.resize(static_cast<std::size_t>(max_tokens));
  if (how == Truncate::kLeft) ids.erase(ids.begin(), ids.begin() + excess);
  return true;
}

}  // namespace gptkit
