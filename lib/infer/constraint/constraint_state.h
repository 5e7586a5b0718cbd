#pragma once
// A constraint applied to a vocabulary: which tokens may come next. A text that takes only allowed
// tokens is complete when its budget ends, whatever the model wants.

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "infer/constraint/constraint.h"
#include "infer/constraint/threads.h"
#include "infer/constraint/token_trie.h"

namespace gptkit {

/// Shared by every sequence with the same constraint; may be used from several threads. Remembers
/// the allowed tokens of the states that were seen, in about `cache_bytes`.
class TokenConstraint {
 public:
  static constexpr std::size_t kCacheBytes = std::size_t{64} << 20;

  /// `ends`: the tokens that end a text. Fails when the vocabulary cannot spell any text that fits.
  TokenConstraint(Constraint constraint, std::shared_ptr<const TokenTrie> vocabulary,
                  std::vector<TokenId> ends, std::size_t cache_bytes = kCacheBytes);

  /// The tokens that the shortest text needs, as far as is known: an upper bound that holds.
  std::int64_t shortest_tokens() const { return start_->tokens; }
  const Constraint& constraint() const { return constraint_; }
  std::int64_t vocab_size() const { return vocabulary_->vocab_size(); }

 private:
  friend class ConstraintState;

  using State = std::shared_ptr<const GrammarThreads>;
  using Mask = std::vector<std::uint64_t>;  // a bit a token

  /// What was found out about a state.
  struct Known {
    State state;
    std::vector<Known*> next;      // by class of bytes; null: not yet known
    Mask mask;                     // empty: not yet known
    std::int64_t most_tokens = 0;  // of the mask: what the longest of the ends behind it needs
  };
  struct Hash {
    std::size_t operator()(const GrammarThreads* t) const { return t->hash; }
  };
  struct Equal {
    bool operator()(const GrammarThreads* a, const GrammarThreads* b) const {
      return a == b || *a == *b;
    }
  };

  State read(const State& state, TokenId token) const;
  void mask(const State& state, std::span<float> logits, std::int64_t tokens_left) const;

  Known& find(const State& state) const;
  Known* step(Known& from, std::uint8_t byte) const;
  Mask allowed(Known& from, std::int64_t most_tokens, std::int64_t* longest) const;
  void make_room(std::vector<Known*>& in_use) const;

  Constraint constraint_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::vector<TokenId> ends_;
  std::size_t cache_bytes_;
  ThreadReader reader_;
  State start_;

  mutable std::mutex mutex_;  // of what follows
  mutable std::unordered_map<const GrammarThreads*, std::unique_ptr<Known>, Hash, Equal> known_;
  mutable std::size_t bytes_ = 0;
};

/// Where one sequence is. Copies are cheap and independent (beams).
class ConstraintState {
 public:
  /// Fails when the shortest text does not fit into `budget` tokens.
  ConstraintState(std::shared_ptr<const TokenConstraint> constraint, std::int64_t budget);

  /// Sets the logits (V or more) of the tokens that may not come next to -infinity. With
  /// `tokens_left` (at least 1) more tokens to come, those stay behind which the text can still be
  /// completed. At least one stays, unless must_end().
  void mask(std::span<float> logits, std::int64_t tokens_left) const;
  /// Whether the token may come next, leaving the budget aside.
  bool allows(TokenId token) const;
  /// Goes on behind an allowed token that does not end the text.
  void accept(TokenId token);

  /// The text is complete.
  bool may_end() const { return at_->complete; }
  /// The text is complete and nothing can follow.
  bool must_end() const { return at_->complete && !at_->may_grow; }

 private:
  std::shared_ptr<const TokenConstraint> constraint_;
  std::shared_ptr<const GrammarThreads> at_;
};

}  // namespace gptkit
