#pragma once
// How many tokens a text needs at least until it is complete, as an upper bound that can be reached
// from every state: what lets a budget of tokens end in a complete text.

#include <cstdint>
#include <limits>
#include <vector>

#include "infer/constraint/byte_grammar.h"
#include "infer/constraint/token_trie.h"

namespace gptkit {

/// Of a state, up to the end of the call that it is in.
struct ShortestEnd {
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max() / 4;

  std::int64_t tokens = kNever;  // kNever: the vocabulary cannot spell any
  std::int32_t depth = 0;        // arrays and objects inside each other on that way
};

/// By state (Knuth, "A generalization of Dijkstra's algorithm", 1977: first the way with the fewest
/// characters, then its fewest tokens). For each state that reads there is a token behind which one
/// token less is enough, so a walk that keeps to the bound always arrives.
std::vector<ShortestEnd> shortest_ends(const ByteGrammar& grammar, const TokenTrie& vocabulary);

/// a + n * b, where kNever stays kNever.
std::int64_t add_tokens(std::int64_t a, std::int64_t n, std::int64_t b);

}  // namespace gptkit
