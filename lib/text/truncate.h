#pragma once
// Cuts a text that has more tokens than a model accepts. The tokens that the tokenizer puts
// around every text stay.

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
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

/// Cuts ids, which include the frame, to max_tokens. Returns whether anything was cut.
/// kRefuse leaves them as they are. Where there is no room for the frame, its end is cut, too.
inline bool truncate(std::vector<TokenId>& ids, std::int64_t max_tokens, Truncate how,
                     const TextFrame& frame = {}) {
  const auto excess = std::ssize(ids) - max_tokens;
  if (excess <= 0) return false;
  if (how == Truncate::kRefuse) return true;
  const auto text_end = ids.end() - std::ssize(frame.behind);
  const auto text_begin = ids.begin() + std::ssize(frame.before);
  const auto cut = std::min(excess, text_end - text_begin);
  const auto from = how == Truncate::kLeft ? text_begin : text_end - cut;
  ids.erase(from, from + cut);
  if (std::ssize(ids) > max_tokens) ids.resize(static_cast<std::size_t>(max_tokens));
  return true;
}

}  // namespace gptkit
