#pragma once
// A language of byte strings: a nondeterministic automaton whose states may call parts of it and
// count the calls. So nested values, recursion and counted repetition need no copies of states, and
// a set of threads (state + the calls it is in) is what a text can be at (constraint/threads.h).

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/constraint/character_set.h"

namespace gptkit {

using StateId = std::uint32_t;

struct ByteEdge {
  std::uint8_t first, last;
  StateId next;
  auto operator<=>(const ByteEdge&) const = default;
};

struct GrammarState {
  enum class Kind : std::uint8_t {
    kBytes,   ///< reads one byte along an edge
    kSplit,   ///< goes on at every target, reading nothing
    kRepeat,  ///< calls `body` at least `least` and at most `most` times, then goes on at `next`
    kReturn,  ///< ends the innermost call; outside of every call, ends the text
  };
  Kind kind = Kind::kReturn;
  bool nests = false;                 // kRepeat: the body is an array or object, one level deeper
  std::uint32_t begin = 0, end = 0;   // kBytes: edges; kSplit: targets
  StateId body = 0, next = 0;         // kRepeat
  std::uint32_t least = 0, most = 0;  // kRepeat
};

/// Built from its end: each function adds states in front of `next` and returns the first of them.
/// Fails when the grammar gets larger than kMostStates.
class ByteGrammar {
 public:
  static constexpr std::uint32_t kUnbounded = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t kMostStates = 200'000;

  ByteGrammar();

  /// The one state that ends calls and the text.
  StateId end() const { return 0; }
  StateId bytes(std::vector<ByteEdge> edges);
  StateId split(std::vector<StateId> targets);
  StateId repeat(StateId body, std::uint32_t least, std::uint32_t most, StateId next,
                 bool nests = false);

  StateId literal(std::string_view text, StateId next);
  /// Any of the texts. Common beginnings share their states.
  StateId texts(std::span<const std::string> texts, StateId next);
  /// One character of the set; none can follow an empty one.
  StateId character(const CharacterSet& set, StateId next);
  StateId optional(StateId part, StateId next) { return split({part, next}); }

  /// A split whose targets come later, for loops and recursion.
  StateId reserve();
  void resolve(StateId reserved, std::vector<StateId> targets);

  /// Says where texts begin and closes the grammar.
  void start_at(StateId start);

  StateId start() const { return start_; }
  std::size_t size() const { return states_.size(); }
  const GrammarState& state(StateId id) const { return states_[id]; }
  std::span<const ByteEdge> edges(const GrammarState& state) const {
    return std::span(edges_).subspan(state.begin, state.end - state.begin);
  }
  std::span<const StateId> targets(const GrammarState& state) const {
    return std::span(targets_).subspan(state.begin, state.end - state.begin);
  }

  /// Bytes of one class lead to the same states everywhere.
  int byte_class(std::uint8_t byte) const { return byte_class_[byte]; }
  int byte_classes() const { return byte_classes_; }

 private:
  StateId add(const GrammarState& state);

  std::vector<GrammarState> states_;
  std::vector<ByteEdge> edges_;
  std::vector<StateId> targets_;
  std::map<std::vector<ByteEdge>, StateId> shared_;  // states of kBytes by their edges
  StateId start_ = 0;
  std::array<std::uint8_t, 256> byte_class_{};
  int byte_classes_ = 1;
};

}  // namespace gptkit
