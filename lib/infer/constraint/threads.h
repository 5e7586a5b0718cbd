#pragma once
// Where a text can be in a grammar: a set of threads, each a state and the calls around it. A set
// is a plain value: it does not change, and equal sets may be used for each other.

#include <cstdint>
#include <memory>
#include <vector>

#include "infer/constraint/byte_grammar.h"
#include "infer/constraint/shortest_end.h"

namespace gptkit {

/// A call that has not ended: which repetition, and how many times it has called.
struct GrammarCall {
  std::shared_ptr<const GrammarCall> around;  // the call that this one is inside of
  StateId repeat = 0;
  std::uint32_t count = 0;
  std::int32_t depth = 0;   // arrays and objects around the state
  std::int64_t tokens = 0;  // that the rest of this call and of those around it needs at least
  std::uint64_t hash = 0;
};

struct GrammarThread {
  StateId state = 0;
  std::shared_ptr<const GrammarCall> call;
  std::int64_t tokens = 0;  // to the end of the text, at least
  std::uint64_t hash = 0;
};

bool operator==(const GrammarThread& a, const GrammarThread& b);

struct GrammarThreads {
  std::vector<GrammarThread> all;             // every state reads a byte; ordered
  bool complete = false;                      // the text may end here
  bool may_grow = false;                      // a longer text is possible
  std::int64_t tokens = ShortestEnd::kNever;  // to the end of the text, at least
  std::uint64_t hash = 0;

  bool dead() const { return all.empty() && !complete; }
  /// Whether tokens lead to a complete text. False inside a character that the vocabulary has only
  /// as a whole.
  bool can_end() const { return tokens < ShortestEnd::kNever; }
};

bool operator==(const GrammarThreads& a, const GrammarThreads& b);

/// Reads bytes. Threads nested deeper than kMostDepth are left out. Of more than
/// kMostThreads those with the shortest ends stay: what is then read still belongs to the language.
class ThreadReader {
 public:
  static constexpr std::size_t kMostThreads = 2'000;
  static constexpr std::int32_t kMostDepth = 64;  // as much as base/json.h reads

  ThreadReader(const ByteGrammar& grammar, std::vector<ShortestEnd> ends)
      : grammar_(grammar), ends_(std::move(ends)) {}

  GrammarThreads start() const;
  GrammarThreads read(const GrammarThreads& threads, std::uint8_t byte) const;

 private:
  class Closure;

  const ByteGrammar& grammar_;
  std::vector<ShortestEnd> ends_;
};

}  // namespace gptkit
