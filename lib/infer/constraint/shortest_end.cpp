#include "infer/constraint/shortest_end.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <string>
#include <utility>

namespace gptkit {

namespace {

using Kind = GrammarState::Kind;
constexpr auto kNever = ShortestEnd::kNever;

/// One step on the way: bytes to read (none for a split) and the state behind them.
struct Step {
  std::string bytes = {};
  StateId next = 0;
};

/// Whether a token is one character that no tokens of single bytes spell.
bool is_lone_character(const TokenTrie& vocabulary, std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (text.size() < 2 || text.size() > 4 || byte(0) < 0xC2) return false;
  bool spelled = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && (byte(i) & 0xC0) != 0x80) return false;
    spelled = spelled && vocabulary.has_byte(byte(i));
  }
  const std::size_t bytes = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  return text.size() == bytes && !spelled;
}

/// The way of fewest characters from each state to the end of its call.
class ShortestWays {
 public:
  ShortestWays(const ByteGrammar& grammar, const TokenTrie& vocabulary)
      : grammar_(grammar),
        vocabulary_(vocabulary),
        steps_(grammar.size()),
        characters_(grammar.size(), kNever),
        settled_(grammar.size(), false),
        users_(grammar.size()) {
    for (StateId s = 0; s < grammar.size(); ++s) note_users(s);
    note_lone_characters();
    offer(grammar.end(), 0, {});
    while (!queue_.empty()) settle();
  }

  /// States with a way, each behind those that its way leads through.
  const std::vector<StateId>& order() const { return order_; }
  const Step& step(StateId state) const { return steps_[state]; }

 private:
  struct User {
    StateId state;
    std::string bytes = {};  // of kBytes
  };

  void note_users(StateId s) {
    const auto& state = grammar_.state(s);
    if (state.kind == Kind::kBytes) {
      for (const auto& edge : grammar_.edges(state)) note_byte(s, edge);
    } else if (state.kind == Kind::kSplit) {
      for (const auto target : grammar_.targets(state)) users_[target].push_back({s});
    } else if (state.kind == Kind::kRepeat) {
      users_[state.next].push_back({s});
      if (state.least > 0) users_[state.body].push_back({s});
    }
  }

  void note_byte(StateId s, const ByteEdge& edge) {
    for (int b = edge.first; b <= edge.last; ++b) {
      if (!vocabulary_.has_byte(static_cast<std::uint8_t>(b))) continue;
      users_[edge.next].push_back({s, std::string(1, static_cast<char>(b))});
      return;
    }
  }

  /// Characters of a vocabulary that lacks single bytes.
  void note_lone_characters() {
    bool spells_all = true;
    for (int b = 0x80; b < 0xF5; ++b)
      spells_all &= vocabulary_.has_byte(static_cast<std::uint8_t>(b));
    if (spells_all) return;
    for (StateId s = 0; s < grammar_.size(); ++s) {
      const auto& state = grammar_.state(s);
      if (state.kind != Kind::kBytes) continue;
      for (const auto& edge : grammar_.edges(state)) note_characters(s, edge);
    }
  }

  void note_characters(StateId s, const ByteEdge& edge) {
    for (int lead = std::max<int>(edge.first, 0xC2); lead <= edge.last; ++lead) {
      const auto begin = vocabulary_.first(static_cast<std::uint8_t>(lead));
      if (!begin) continue;
      for (auto n = *begin; n < vocabulary_.node(*begin).behind; ++n) {
        if (vocabulary_.tokens(n).empty()) continue;
        const auto& text = vocabulary_.bytes(vocabulary_.tokens(n).front());
        if (is_lone_character(vocabulary_, text)) note_character(s, text);
      }
    }
  }

  /// All bytes of a character lie in a chain of kBytes.
  void note_character(StateId s, const std::string& text) {
    StateId at = s;
    for (const char c : text) {
      const auto next = behind(at, static_cast<std::uint8_t>(c));
      if (!next) return;
      at = *next;
    }
    const bool noted = !users_[at].empty() && users_[at].back().state == s;
    if (!noted) users_[at].push_back({s, text});
  }

  std::optional<StateId> behind(StateId s, std::uint8_t byte) const {
    const auto& state = grammar_.state(s);
    if (state.kind != Kind::kBytes) return std::nullopt;
    for (const auto& edge : grammar_.edges(state)) {
      if (edge.first <= byte && byte <= edge.last) return edge.next;
    }
    return std::nullopt;
  }

  void offer(StateId state, std::int64_t characters, Step step) {
    if (characters >= characters_[state]) return;
    characters_[state] = characters;
    steps_[state] = std::move(step);
    queue_.push({characters, state});
  }

  void settle() {
    const auto [characters, s] = queue_.top();
    queue_.pop();
    if (settled_[s]) return;
    settled_[s] = true;
    order_.push_back(s);
    for (auto& user : users_[s]) extend(user, s);
  }

  void extend(User& user, StateId s) {
    const auto& state = grammar_.state(user.state);
    if (state.kind == Kind::kRepeat) {
      if (!settled_[state.next] || (state.least > 0 && !settled_[state.body])) return;
      const auto body = state.least > 0 ? characters_[state.body] : 0;
      return offer(user.state, add_tokens(characters_[state.next], state.least, body), {});
    }
    const std::int64_t read = user.bytes.empty() ? 0 : 1;
    offer(user.state, add_tokens(characters_[s], 1, read), {std::move(user.bytes), s});
  }

  const ByteGrammar& grammar_;
  const TokenTrie& vocabulary_;
  std::vector<Step> steps_;
  std::vector<std::int64_t> characters_;
  std::vector<bool> settled_;
  std::vector<std::vector<User>> users_;  // states whose way may go through this one
  std::priority_queue<std::pair<std::int64_t, StateId>,
                      std::vector<std::pair<std::int64_t, StateId>>, std::greater<>>
      queue_;
  std::vector<StateId> order_;
};

/// Counts the tokens of a state's way: the fewest that spell it, where no token goes beyond the end
/// of the call. Those of every state further along are known.
class TokensOfWay {
 public:
  TokensOfWay(const ByteGrammar& grammar, const TokenTrie& vocabulary, const ShortestWays& ways,
              const std::vector<ShortestEnd>& ends)
      : grammar_(grammar), vocabulary_(vocabulary), ways_(ways), ends_(ends) {}

  std::int64_t from(StateId start) {
    at_ = start;
    calls_.clear();
    begun_ = false;
    auto fewest = kNever;
    while (advance()) {
      if (!begun_ || vocabulary_.tokens(node_).empty()) continue;
      fewest = std::min(fewest, add_tokens(rest(), 1, 1));
    }
    return fewest;
  }

 private:
  struct Call {
    StateId repeat;
    std::uint32_t count;
  };

  /// One step along the way; false where no token goes on or the call ends.
  bool advance() {
    const auto& state = grammar_.state(at_);
    switch (state.kind) {
      case Kind::kBytes:
        return read(ways_.step(at_));
      case Kind::kSplit:
        at_ = ways_.step(at_).next;
        return true;
      case Kind::kRepeat:
        if (state.least > 0) calls_.push_back({at_, 1});
        at_ = state.least > 0 ? state.body : state.next;
        return true;
      case Kind::kReturn:
        return leave();
    }
    return false;
  }

  bool read(const Step& step) {
    for (const char c : step.bytes) {
      const auto byte = static_cast<std::uint8_t>(c);
      const auto next = begun_ ? vocabulary_.child(node_, byte) : vocabulary_.first(byte);
      if (!next) return false;
      node_ = *next;
      begun_ = true;
    }
    at_ = step.next;
    return true;
  }

  bool leave() {
    if (calls_.empty()) return false;
    auto& [repeat, count] = calls_.back();
    const auto& state = grammar_.state(repeat);
    if (count < state.least) {
      ++count;
      at_ = state.body;
    } else {
      at_ = state.next;
      calls_.pop_back();
    }
    return true;
  }

  std::int64_t rest() const {
    auto tokens = ends_[at_].tokens;
    for (const auto& [repeat, count] : calls_) {
      const auto& state = grammar_.state(repeat);
      tokens = add_tokens(tokens, state.least - count, ends_[state.body].tokens);
      tokens = add_tokens(tokens, 1, ends_[state.next].tokens);
    }
    return tokens;
  }

  const ByteGrammar& grammar_;
  const TokenTrie& vocabulary_;
  const ShortestWays& ways_;
  const std::vector<ShortestEnd>& ends_;
  StateId at_ = 0;
  std::vector<Call> calls_;
  std::uint32_t node_ = 0;  // of the token's beginning, once it has one
  bool begun_ = false;
};

}  // namespace

std::int64_t add_tokens(std::int64_t a, std::int64_t n, std::int64_t b) {
  if (a >= kNever || (n > 0 && b >= kNever)) return kNever;
  return n > 0 && b > (kNever - a) / n ? kNever : a + n * b;
}

std::vector<ShortestEnd> shortest_ends(const ByteGrammar& grammar, const TokenTrie& vocabulary) {
  const ShortestWays ways(grammar, vocabulary);
  std::vector<ShortestEnd> ends(grammar.size());
  TokensOfWay tokens(grammar, vocabulary, ways, ends);
  for (const auto s : ways.order()) {
    const auto& state = grammar.state(s);
    const auto& step = ways.step(s);
    switch (state.kind) {
      case Kind::kReturn:
        ends[s] = {0, 0};
        break;
      case Kind::kSplit:
        ends[s] = ends[step.next];
        break;
      case Kind::kBytes:
        ends[s] = {tokens.from(s), ends[step.next].depth};
        break;
      case Kind::kRepeat:
        ends[s] = ends[state.next];
        if (state.least == 0) break;
        ends[s].tokens = add_tokens(ends[s].tokens, state.least, ends[state.body].tokens);
        ends[s].depth = std::max(ends[s].depth, ends[state.body].depth + (state.nests ? 1 : 0));
        break;
    }
  }
  return ends;
}

}  // namespace gptkit
