#pragma once
// Regular expressions as languages of UTF-8 text: literals, escapes, classes, `.`, groups, `|`,
// `* + ? {m,n}`, and the anchors ^ $ at the ends. \d, \w and \s are those of ASCII, and `.` is
// any character but line ends, as in ECMAScript. Everything else is refused by its name.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "infer/constraint/byte_grammar.h"
#include "infer/constraint/character_set.h"

namespace gptkit {

/// A part of an expression.
struct RegexNode {
  enum class Kind { kCharacter, kSequence, kAlternatives, kRepeat };
  Kind kind = Kind::kSequence;  // without children: the empty text
  CharacterSet set = {};        // kCharacter
  std::vector<RegexNode> children = {};
  std::uint32_t least = 1, most = 1;  // kRepeat; most may be ByteGrammar::kUnbounded
  std::int64_t positions = 0;         // characters that it names, counted repetitions written out
};

struct Regex {
  struct Branch {
    RegexNode node;
    bool at_begin = false, at_end = false;  // ^ and $
  };
  std::vector<Branch> branches;  // of the outermost `|`
};

/// Fails for a bad expression; the message begins with `where`. An expression has at most 10,000
/// bytes, 10,000 positions and 100 groups inside each other, a count is at most 1,000.
Regex parse_regex(std::string_view pattern, const std::string& where);

/// Adds the states that read one character of a set.
using CharacterWriter = std::function<StateId(const CharacterSet&, StateId next)>;

/// The texts that match as a whole, in front of `next`.
StateId add_whole_match(ByteGrammar& grammar, const Regex& regex, const CharacterWriter& character,
                        StateId next);
/// The texts that hold a match: an anchor ties it to the begin or the end.
StateId add_search(ByteGrammar& grammar, const Regex& regex, const CharacterWriter& character,
                   StateId next);

}  // namespace gptkit
