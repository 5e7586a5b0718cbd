#include "infer/constraint/regex.h"

#include <algorithm>
#include <utility>

namespace gptkit {

namespace {

class RegexStates {
 public:
  RegexStates(ByteGrammar& grammar, const CharacterWriter& character)
      : grammar_(grammar), character_(character) {}

  StateId add(const RegexNode& node, StateId next) {
    switch (node.kind) {
      case RegexNode::Kind::kCharacter:
        return character_(node.set, next);
      case RegexNode::Kind::kSequence:
        for (std::size_t i = node.children.size(); i-- > 0;) next = add(node.children[i], next);
        return next;
      case RegexNode::Kind::kAlternatives:
        return alternatives(node, next);
      case RegexNode::Kind::kRepeat:
        return repeat(node.children.front(), node.least, node.most, next);
    }
    return next;
  }

  /// Any text.
  StateId anything(StateId next) {
    RegexNode any{.kind = RegexNode::Kind::kCharacter, .set = CharacterSet::all()};
    return repeat(any, 0, ByteGrammar::kUnbounded, next);
  }

 private:
  StateId alternatives(const RegexNode& node, StateId next) {
    std::vector<StateId> starts;
    for (const auto& child : node.children) starts.push_back(add(child, next));
    return grammar_.split(std::move(starts));
  }

  /// The usual forms are loops of states and small counts are written out; others need calls.
  StateId repeat(const RegexNode& child, std::uint32_t least, std::uint32_t most, StateId next) {
    if (least == 1 && most == 1) return add(child, next);
    if (least == 0 && most == 1) return grammar_.optional(add(child, next), next);
    if (least <= 1 && most == ByteGrammar::kUnbounded) {
      const auto loop = grammar_.reserve();
      const auto body = add(child, loop);
      grammar_.resolve(loop, {body, next});
      return least == 1 ? body : loop;
    }
    constexpr std::int64_t kWrittenOut = 16;
    if (most != ByteGrammar::kUnbounded &&
        most * std::max<std::int64_t>(child.positions, 1) <= kWrittenOut) {
      return written_out(child, least, most, next);
    }
    return grammar_.repeat(add(child, grammar_.end()), least, most, next);
  }

  StateId written_out(const RegexNode& child, std::uint32_t least, std::uint32_t most,
                      StateId next) {
    StateId start = next;
    for (auto n = most; n > least; --n) start = grammar_.optional(add(child, start), next);
    for (auto n = least; n > 0; --n) start = add(child, start);
    return start;
  }

  ByteGrammar& grammar_;
  const CharacterWriter& character_;
};

}  // namespace

StateId add_whole_match(ByteGrammar& grammar, const Regex& regex, const CharacterWriter& character,
                        StateId next) {
  RegexStates states(grammar, character);
  std::vector<StateId> starts;
  for (const auto& branch : regex.branches) starts.push_back(states.add(branch.node, next));
  return grammar.split(std::move(starts));
}

StateId add_search(ByteGrammar& grammar, const Regex& regex, const CharacterWriter& character,
                   StateId next) {
  RegexStates states(grammar, character);
  std::vector<StateId> starts;
  for (const auto& branch : regex.branches) {
    const auto behind = branch.at_end ? next : states.anything(next);
    const auto match = states.add(branch.node, behind);
    starts.push_back(branch.at_begin ? match : states.anything(match));
  }
  return grammar.split(std::move(starts));
}

}  // namespace gptkit
