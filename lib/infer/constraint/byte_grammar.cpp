#include "infer/constraint/byte_grammar.h"

#include <algorithm>
#include <bitset>
#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

using Kind = GrammarState::Kind;

/// The texts as a tree of bytes. A child's index is above its parent's.
struct TextTree {
  struct Node {
    std::map<std::uint8_t, std::size_t> children;
    bool ends = false;
  };
  std::vector<Node> nodes{1};

  void add(std::string_view text) {
    std::size_t at = 0;
    for (const char c : text) {
      const auto [child, added] =
          nodes[at].children.try_emplace(static_cast<std::uint8_t>(c), nodes.size());
      at = child->second;
      if (added) nodes.emplace_back();
    }
    nodes[at].ends = true;
  }
};

/// A constraint names itself in front.
void require_room(std::size_t states) {
  require(states < ByteGrammar::kMostStates, "needs more than ", ByteGrammar::kMostStates,
          " states; use a smaller one");
}

}  // namespace

ByteGrammar::ByteGrammar() { add({.kind = Kind::kReturn}); }

StateId ByteGrammar::add(const GrammarState& state) {
  require_room(states_.size());
  states_.push_back(state);
  return static_cast<StateId>(states_.size() - 1);
}

StateId ByteGrammar::bytes(std::vector<ByteEdge> edges) {
  const auto known = shared_.find(edges);
  if (known != shared_.end()) return known->second;
  const auto begin = static_cast<std::uint32_t>(edges_.size());
  edges_.insert(edges_.end(), edges.begin(), edges.end());
  const auto end = static_cast<std::uint32_t>(edges_.size());
  const auto id = add({.kind = Kind::kBytes, .begin = begin, .end = end});
  shared_.emplace(std::move(edges), id);
  return id;
}

StateId ByteGrammar::split(std::vector<StateId> targets) {
  if (targets.size() == 1) return targets.front();
  const auto id = reserve();
  resolve(id, std::move(targets));
  return id;
}

StateId ByteGrammar::reserve() { return add({.kind = Kind::kSplit}); }

void ByteGrammar::resolve(StateId reserved, std::vector<StateId> targets) {
  states_[reserved].begin = static_cast<std::uint32_t>(targets_.size());
  targets_.insert(targets_.end(), targets.begin(), targets.end());
  states_[reserved].end = static_cast<std::uint32_t>(targets_.size());
}

StateId ByteGrammar::repeat(StateId body, std::uint32_t least, std::uint32_t most, StateId next,
                            bool nests) {
  if (most == 0) return next;
  return add({.kind = Kind::kRepeat,
              .nests = nests,
              .body = body,
              .next = next,
              .least = least,
              .most = most});
}

StateId ByteGrammar::literal(std::string_view text, StateId next) {
  for (std::size_t i = text.size(); i-- > 0;) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    next = bytes({{byte, byte, next}});
  }
  return next;
}

StateId ByteGrammar::texts(std::span<const std::string> texts, StateId next) {
  TextTree tree;
  for (const auto& text : texts) {
    require_room(tree.nodes.size() + text.size());
    tree.add(text);
  }
  std::vector<StateId> ids(tree.nodes.size());
  for (std::size_t i = tree.nodes.size(); i-- > 0;) {
    const auto& node = tree.nodes[i];
    std::vector<ByteEdge> edges;
    for (const auto& [byte, child] : node.children) edges.push_back({byte, byte, ids[child]});
    ids[i] = edges.empty() ? next : bytes(std::move(edges));
    if (node.ends && !node.children.empty()) ids[i] = split({ids[i], next});
  }
  return ids.front();
}

StateId ByteGrammar::character(const CharacterSet& set, StateId next) {
  const auto sequences = utf8_sequences(set);
  // From the last byte of the sequences to their first: those of one beginning lie side by side.
  const auto from = [&](auto&& self, std::span<const ByteSequence> all,
                        std::size_t place) -> StateId {
    std::vector<ByteEdge> edges;
    for (std::size_t i = 0, j = 0; i < all.size(); i = j) {
      const Utf8Range range = all[i][place];
      while (j < all.size() && all[j][place] == range) ++j;
      const bool last = all[i].size() == place + 1;
      edges.push_back(
          {range.first, range.last, last ? next : self(self, all.subspan(i, j - i), place + 1)});
    }
    return bytes(std::move(edges));
  };
  return from(from, sequences, 0);
}

void ByteGrammar::start_at(StateId start) {
  start_ = start;
  shared_.clear();
  std::bitset<257> opens;  // whether a class begins at the byte
  for (const auto& edge : edges_) {
    opens.set(edge.first);
    opens.set(edge.last + 1u);
  }
  for (std::size_t byte = 1; byte < 256; ++byte) {
    if (opens[byte]) ++byte_classes_;
    byte_class_[byte] = static_cast<std::uint8_t>(byte_classes_ - 1);
  }
}

}  // namespace gptkit
