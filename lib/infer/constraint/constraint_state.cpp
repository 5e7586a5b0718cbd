#include "infer/constraint/constraint_state.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::size_t kWord = 64;
constexpr float kNever = -std::numeric_limits<float>::infinity();

void set_bit(std::vector<std::uint64_t>& mask, TokenId id) {
  mask[static_cast<std::size_t>(id) / kWord] |= std::uint64_t{1}
                                                << static_cast<std::size_t>(id) % kWord;
}

/// Sets what the mask does not hold to -infinity.
void apply_mask(const std::vector<std::uint64_t>& mask, std::span<float> logits) {
  for (std::size_t w = 0; w < mask.size(); ++w) {
    if (mask[w] == ~std::uint64_t{0}) continue;
    const auto end = std::min(logits.size(), (w + 1) * kWord);
    for (std::size_t i = w * kWord; i < end; ++i) {
      if (!(mask[w] >> i % kWord & 1)) logits[i] = kNever;
    }
  }
  for (std::size_t i = mask.size() * kWord; i < logits.size(); ++i) logits[i] = kNever;
}

}  // namespace

TokenConstraint::TokenConstraint(Constraint constraint, std::shared_ptr<const TokenTrie> vocabulary,
                                 std::vector<TokenId> ends, std::size_t cache_bytes)
    : constraint_(std::move(constraint)),
      vocabulary_(std::move(vocabulary)),
      ends_(std::move(ends)),
      cache_bytes_(cache_bytes),
      reader_(constraint_.grammar(), shortest_ends(constraint_.grammar(), *vocabulary_)),
      start_(std::make_shared<const GrammarThreads>(reader_.start())) {
  require(start_->can_end(), constraint_.where(),
          ": the vocabulary's tokens cannot spell any text that fits; use other characters or "
          "another tokenizer");
}

TokenConstraint::Known& TokenConstraint::find(const State& state) const {
  auto& known = known_[state.get()];
  if (known) return *known;
  known = std::make_unique<Known>();
  known->state = state;
  known->next.resize(static_cast<std::size_t>(constraint_.grammar().byte_classes()));
  bytes_ +=
      256 + known->next.size() * sizeof(Known*) + state->all.size() * 2 * sizeof(GrammarThread);
  return *known;
}

/// Null when no text of the language goes on with the byte.
TokenConstraint::Known* TokenConstraint::step(Known& from, std::uint8_t byte) const {
  static Known dead;
  const auto byte_class = static_cast<std::size_t>(constraint_.grammar().byte_class(byte));
  auto*& next = from.next[byte_class];
  if (!next) {
    auto threads = std::make_shared<const GrammarThreads>(reader_.read(*from.state, byte));
    next = threads->dead() ? &dead : &find(threads);
  }
  return next == &dead ? nullptr : next;
}

/// Forgets everything but the states in use, when the room for it is full.
void TokenConstraint::make_room(std::vector<Known*>& in_use) const {
  if (bytes_ < cache_bytes_) return;
  std::vector<State> states;
  for (const auto* known : in_use) states.push_back(known->state);
  known_.clear();
  bytes_ = 0;
  std::transform(states.begin(), states.end(), in_use.begin(),
                 [this](const State& state) { return &find(state); });
}

/// Walks the vocabulary from a state. Tokens count whose end behind them needs at most
/// `most_tokens`; `longest` becomes what the longest of these ends needs.
TokenConstraint::Mask TokenConstraint::allowed(Known& from, std::int64_t most_tokens,
                                               std::int64_t* longest) const {
  Mask mask((static_cast<std::size_t>(vocab_size()) + kWord - 1) / kWord);
  std::vector<Known*> path{&from};  // by depth
  for (std::uint32_t i = 0; i < vocabulary_->size();) {
    const auto& node = vocabulary_->node(i);
    path.resize(node.depth);
    make_room(path);
    auto* const at = step(*path.back(), node.byte);
    if (!at) {
      i = node.behind;
      continue;
    }
    path.push_back(at);
    if (at->state->tokens <= most_tokens) {
      for (const auto id : vocabulary_->tokens(i)) set_bit(mask, id);
      if (!vocabulary_->tokens(i).empty()) *longest = std::max(*longest, at->state->tokens);
    }
    ++i;
  }
  return mask;
}

void TokenConstraint::mask(const State& state, std::span<float> logits,
                           std::int64_t tokens_left) const {
  assert(std::ssize(logits) >= vocab_size() && tokens_left >= 1);
  std::vector<float> ends;  // their logits
  for (const auto id : ends_) ends.push_back(logits[static_cast<std::size_t>(id)]);
  {
    const std::lock_guard lock(mutex_);
    auto* known = &find(state);
    if (known->mask.empty()) {
      std::int64_t longest = 0;
      auto mask = allowed(*known, ShortestEnd::kNever - 1, &longest);
      known = &find(state);  // the walk may have made room
      known->mask = std::move(mask);
      known->most_tokens = longest;
      bytes_ += known->mask.size() * sizeof(std::uint64_t);
    }
    if (known->most_tokens < tokens_left) {
      apply_mask(known->mask, logits);
    } else {
      std::int64_t longest = 0;
      apply_mask(allowed(*known, tokens_left - 1, &longest), logits);
    }
  }
  // A token that ends the text is allowed exactly when the text is complete.
  if (!state->complete) std::fill(ends.begin(), ends.end(), kNever);
  for (std::size_t i = 0; i < ends_.size(); ++i)
    logits[static_cast<std::size_t>(ends_[i])] = ends[i];
}

/// Null when the token may not come next.
TokenConstraint::State TokenConstraint::read(const State& state, TokenId token) const {
  if (token < 0 || token >= vocab_size() || vocabulary_->bytes(token).empty()) return nullptr;
  const std::lock_guard lock(mutex_);
  std::vector<Known*> begin{&find(state)};
  make_room(begin);
  auto* at = begin.front();
  for (const char byte : vocabulary_->bytes(token)) {
    at = step(*at, static_cast<std::uint8_t>(byte));
    if (!at) return nullptr;
  }
  return at->state->can_end() ? at->state : nullptr;
}

ConstraintState::ConstraintState(std::shared_ptr<const TokenConstraint> constraint,
                                 std::int64_t budget)
    : constraint_(std::move(constraint)), at_(constraint_->start_) {
  const auto& where = constraint_->constraint().where();
  require(constraint_->shortest_tokens() <= budget, where, ": the shortest text that fits needs ",
          constraint_->shortest_tokens(), " tokens and the budget is ", budget,
          "; allow more new tokens");
}

void ConstraintState::mask(std::span<float> logits, std::int64_t tokens_left) const {
  constraint_->mask(at_, logits, tokens_left);
}

bool ConstraintState::allows(TokenId token) const {
  const auto& ends = constraint_->ends_;
  if (std::find(ends.begin(), ends.end(), token) != ends.end()) return may_end();
  return constraint_->read(at_, token) != nullptr;
}

void ConstraintState::accept(TokenId token) {
  auto next = constraint_->read(at_, token);
  require(next != nullptr, constraint_->constraint().where(), ": token ", token,
          " is not allowed here");
  at_ = std::move(next);
}

}  // namespace gptkit
