#pragma once
// Vocabularies made by hand, and whether a text fits a constraint.

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "infer/constraint/constraint.h"
#include "infer/constraint/constraint_state.h"
#include "infer/constraint/token_trie.h"

namespace gptkit::test {

inline constexpr TokenId kEnd = 256;

/// Seconds of the processor that something took; other programs do not count.
class ProcessorTime {
 public:
  double seconds() const { return static_cast<double>(std::clock() - begin_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t begin_ = std::clock();
};

#ifdef GPTKIT_SANITIZED
inline constexpr double kAtOnce = 2;
#else
inline constexpr double kAtOnce = 0.1;
#endif

/// Id b is byte b, 256 ends the text, then `more`.
inline std::shared_ptr<const TokenTrie> byte_vocabulary(const std::vector<std::string>& more = {}) {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b) tokens.emplace_back(1, static_cast<char>(b));
  tokens.emplace_back();
  tokens.insert(tokens.end(), more.begin(), more.end());
  return std::make_shared<const TokenTrie>(std::move(tokens));
}

inline std::shared_ptr<const TokenConstraint> with_bytes(Constraint constraint) {
  static const auto bytes = byte_vocabulary();
  return std::make_shared<const TokenConstraint>(std::move(constraint), bytes, std::vector{kEnd});
}

inline bool accepts(const std::shared_ptr<const TokenConstraint>& constraint,
                    std::string_view text) {
  ConstraintState state(constraint, 1'000'000);
  for (const char c : text) {
    const auto id = static_cast<TokenId>(static_cast<unsigned char>(c));
    if (!state.allows(id)) return false;
    state.accept(id);
  }
  return state.may_end();
}

}  // namespace gptkit::test
