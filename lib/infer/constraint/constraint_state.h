#pragma once
// A constraint applied to a vocabulary: which tokens may come next. A text that takes only allowed
// tokens is complete when its budget ends, whatever the model wants.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "infer/constraint/constraint.h"
#include "infer/constraint/member_names.h"
#include "infer/constraint/threads.h"
#include "infer/constraint/token_trie.h"

namespace gptkit {

/// Some tokens of a vocabulary.
class TokenSet {
 public:
  explicit TokenSet(std::int64_t vocab_size)
      : words_((static_cast<std::size_t>(vocab_size) + 63) / 64) {}

  void insert(TokenId id) { word(id) |= bit(id); }
  void erase(TokenId id) { word(id) &= ~bit(id); }
  bool contains(TokenId id) const { return words_[static_cast<std::size_t>(id) / 64] & bit(id); }
  bool empty() const;
  bool operator==(const TokenSet&) const = default;
  std::size_t bytes() const { return words_.size() * sizeof(std::uint64_t); }

  /// Sets the logits of all others to -infinity.
  void mask(std::span<float> logits) const;

 private:
  std::uint64_t& word(TokenId id) { return words_[static_cast<std::size_t>(id) / 64]; }
  static std::uint64_t bit(TokenId id) {
    return std::uint64_t{1} << static_cast<std::size_t>(id) % 64;
  }

  std::vector<std::uint64_t> words_;
};

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
  const TokenTrie& vocabulary() const { return *vocabulary_; }

 private:
  friend class ConstraintState;

  using State = std::shared_ptr<const GrammarThreads>;

  /// What was found out about a state.
  struct Known {
    State state;
    std::vector<Known*> next;         // by class of bytes; null: not yet known
    std::optional<TokenSet> allowed;  // whatever the budget; empty: not yet known
    std::int64_t most_tokens = 0;     // that the ends behind the allowed tokens need
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
  bool ends_text(TokenId token) const;
  TokenSet allowed(const State& state, std::int64_t tokens_left) const;

  TokenSet walk(Known& from, std::int64_t most_tokens, std::int64_t* longest) const;
  Known& find(const State& state) const;
  Known* step(Known& from, std::uint8_t byte) const;
  void make_room(std::vector<Known*>& in_use) const;

  Constraint constraint_;
  std::shared_ptr<const TokenTrie> vocabulary_;
  std::vector<TokenId> ends_, quoted_;  // quoted_: with a quotation mark
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
  /// completed. At least one stays, unless must_end(). Returns whether the budget rules out the
  /// likeliest token that fits: the text ends earlier than the model wants.
  bool mask(std::span<float> logits, std::int64_t tokens_left) const;
  /// Whether the token may come next, leaving the budget aside.
  bool allows(TokenId token) const;
  /// Goes on behind an allowed token that does not end the text.
  void accept(TokenId token);

  /// The text is complete.
  bool may_end() const { return at_->complete; }
  /// The text is complete and nothing can follow.
  bool must_end() const { return at_->complete && !at_->may_grow; }

 private:
  TokenSet tokens(std::int64_t tokens_left) const;
  TokenSet without_repeated_names(std::int64_t tokens_left) const;
  bool lacks_likeliest(const TokenSet& set, std::span<const float> logits) const;

  std::shared_ptr<const TokenConstraint> constraint_;
  std::shared_ptr<const GrammarThreads> at_;
  std::optional<MemberNames> names_;  // where the constraint leaves them free
};

}  // namespace gptkit
