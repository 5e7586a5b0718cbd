#pragma once
// Finds added tokens in a text.

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

/// Looks for texts, which have to live as long as it does.
class SpecialFinder {
 public:
  struct Match {
    std::size_t at = 0, bytes = 0;  // at == text.size() when there is none
    TokenId id = -1;
  };

  void add(std::string_view text, TokenId id) {
    by_first_byte_[static_cast<unsigned char>(text[0])].emplace_back(text, id);
    empty_ = false;
  }
  /// To be called once everything is added.
  void put_longest_first() {
    for (auto& candidates : by_first_byte_) {
      std::sort(candidates.begin(), candidates.end(),
                [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
    }
  }
  bool empty() const { return empty_; }

  /// The leftmost match at or behind `from`, the longest one there.
  Match next(std::string_view text, std::size_t from) const {
    for (std::size_t at = from; at < text.size(); ++at) {
      for (const auto& [token, id] : by_first_byte_[static_cast<unsigned char>(text[at])]) {
        if (text.substr(at).starts_with(token)) return {at, token.size(), id};
      }
    }
    return {text.size(), 0, -1};
  }

 private:
  std::array<std::vector<std::pair<std::string_view, TokenId>>, 256> by_first_byte_;
  bool empty_ = true;
};

}  // namespace gptkit
