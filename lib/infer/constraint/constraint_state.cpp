#include "infer/constraint/constraint_state.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/error.h"

namespace gptkit {

bool TokenSet::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
}

void TokenSet::mask(std::span<float> logits) const {
  constexpr float kNever = -std::numeric_limits<float>::infinity();
  for (std::size_t w = 0; w < words_.size(); ++w) {
    if (words_[w] == ~std::uint64_t{0}) continue;
    const auto begin = w * 64, end = std::min(logits.size(), begin + 64);
    for (std::size_t i = begin; i < end; ++i) {
      const bool in = words_[w] >> (i - begin) & 1;
      logits[i] = in ? logits[i] : kNever;  // no branch: which tokens these are follows no pattern
    }
  }
  for (std::size_t i = words_.size() * 64; i < logits.size(); ++i) logits[i] = kNever;
}

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
  for (TokenId id = 0; id < vocabulary_->vocab_size(); ++id) {
    if (vocabulary_->bytes(id).find('"') != std::string::npos) quoted_.push_back(id);
  }
}

bool TokenConstraint::ends_text(TokenId token) const {
  return std::find(ends_.begin(), ends_.end(), token) != ends_.end();
}

TokenConstraint::Known& TokenConstraint::find(const State& state) const {
  auto& known = known_[state.get()];
  if (known) return *known;
  known = std::make_unique<Known>();
  known->state = state;
  known->next.resize(static_cast<std::size_t>(constraint_.grammar().byte_classes()));
  bytes_ +=
      256 + known->next.size() * sizeof(void*) + state->all.size() * 2 * sizeof(GrammarThread);
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

/// The tokens behind which the shortest end needs at most `most_tokens`. `longest` becomes the most
/// that one of these ends needs.
TokenSet TokenConstraint::walk(Known& from, std::int64_t most_tokens, std::int64_t* longest) const {
  TokenSet set(vocabulary_->vocab_size());
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
    if (at->state->tokens <= most_tokens && !vocabulary_->tokens(i).empty()) {
      for (const auto id : vocabulary_->tokens(i)) set.insert(id);
      *longest = std::max(*longest, at->state->tokens);
    }
    ++i;
  }
  return set;
}

/// Without those that end the text.
TokenSet TokenConstraint::allowed(const State& state, std::int64_t tokens_left) const {
  const std::lock_guard lock(mutex_);
  auto* known = &find(state);
  if (!known->allowed) {
    std::int64_t longest = 0;
    auto set = walk(*known, ShortestEnd::kNever - 1, &longest);
    known = &find(state);  // the walk may have made room
    bytes_ += set.bytes();
    known->allowed = std::move(set);
    known->most_tokens = longest;
  }
  if (known->most_tokens < tokens_left) return *known->allowed;
  std::int64_t longest = 0;
  return walk(*known, tokens_left - 1, &longest);
}

/// Null when the token may not come next.
TokenConstraint::State TokenConstraint::read(const State& state, TokenId token) const {
  if (token < 0 || token >= vocabulary_->vocab_size() || vocabulary_->bytes(token).empty())
    return nullptr;
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
  if (constraint_->constraint().has_free_names()) names_.emplace();
}

/// A name that is there already needs at least one more character before its quote. So one token of
/// the budget is kept spare: where nothing else remains, it is used for that character.
TokenSet ConstraintState::without_repeated_names(std::int64_t tokens_left) const {
  const auto& vocabulary = constraint_->vocabulary();
  const bool spare = at_->tokens > 0 && at_->tokens < tokens_left;
  auto set = constraint_->allowed(at_, tokens_left - (spare ? 1 : 0));
  const auto whole = set;
  for (const auto id : constraint_->quoted_) {
    if (set.contains(id) && names_->repeats(vocabulary.bytes(id))) set.erase(id);
  }
  if (!set.empty() || at_->complete) return set;
  set = constraint_->allowed(at_, tokens_left);
  for (TokenId id = 0; id < vocabulary.vocab_size(); ++id) {
    if (!set.contains(id)) continue;
    const auto& bytes = vocabulary.bytes(id);
    if (names_->repeats(bytes) || names_->stops_in_known_name(bytes)) set.erase(id);
  }
  return set.empty() ? whole : set;  // every longer name is there, too: a second one of this
}

TokenSet ConstraintState::tokens(std::int64_t tokens_left) const {
  return names_ ? without_repeated_names(tokens_left) : constraint_->allowed(at_, tokens_left);
}

/// Whether the likeliest token that fits, the end among them, is not in the set.
bool ConstraintState::lacks_likeliest(const TokenSet& set, std::span<const float> logits) const {
  const auto unbounded = tokens(ShortestEnd::kNever - 1);
  if (set == unbounded) return false;
  TokenId best = -1;
  const auto offer = [&](TokenId id) {
    const auto logit = [&](TokenId token) { return logits[static_cast<std::size_t>(token)]; };
    if (best < 0 || logit(id) > logit(best)) best = id;
  };
  if (at_->complete) std::for_each(constraint_->ends_.begin(), constraint_->ends_.end(), offer);
  for (TokenId id = 0; id < constraint_->vocabulary().vocab_size(); ++id) {
    if (unbounded.contains(id)) offer(id);
  }
  return best >= 0 && !constraint_->ends_text(best) && !set.contains(best);
}

bool ConstraintState::mask(std::span<float> logits, std::int64_t tokens_left) const {
  assert(std::ssize(logits) >= constraint_->vocabulary().vocab_size() && tokens_left >= 1);
  const auto& ends = constraint_->ends_;
  std::vector<float> at_ends;
  for (const auto id : ends) at_ends.push_back(logits[static_cast<std::size_t>(id)]);
  const auto set = tokens(tokens_left);
  const bool shortens = lacks_likeliest(set, logits);
  set.mask(logits);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    auto& logit = logits[static_cast<std::size_t>(ends[i])];
    logit = at_->complete ? at_ends[i] : -std::numeric_limits<float>::infinity();
  }
  return shortens;
}

bool ConstraintState::allows(TokenId token) const {
  if (constraint_->ends_text(token)) return may_end();
  if (!constraint_->read(at_, token)) return false;
  return !names_ || !names_->repeats(constraint_->vocabulary().bytes(token));
}

void ConstraintState::accept(TokenId token) {
  auto next = constraint_->read(at_, token);
  require(next != nullptr, constraint_->constraint().where(), ": token ", token,
          " is not allowed here");
  at_ = std::move(next);
  if (names_) names_->read(constraint_->vocabulary().bytes(token));
}

}  // namespace gptkit
