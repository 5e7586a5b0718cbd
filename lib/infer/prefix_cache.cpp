#include "infer/prefix_cache.h"

#include <algorithm>
#include <utility>

namespace gptkit {

size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const auto n = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first -
      a.begin());
}

KvSequence PrefixCache::find(std::span<const TokenId> tokens, int64_t most) {
  KvSequence found;
  auto rest = tokens.first(static_cast<size_t>(std::clamp<int64_t>(most, 0, std::ssize(tokens))));
  for (Node* node = &root_; !rest.empty();) {
    Node* best = nullptr;
    size_t shared = 0;
    for (const auto& child : node->children) {
      const auto length = common_prefix(child->tokens, rest);
      if (length > shared) {
        shared = length;
        best = child.get();
      }
    }
    if (!best) break;
    best->used = ++clock_;
    found.append_page(best->page, static_cast<int64_t>(shared));
    if (shared < kPageTokens) break;
    rest = rest.subspan(shared);
    node = best;
  }
  return found;
}

void PrefixCache::insert(std::span<const TokenId> tokens, const KvSequence& sequence) {
  auto rest = tokens.first(static_cast<size_t>(std::min(std::ssize(tokens), sequence.tokens())));
  Node* node = &root_;
  for (size_t page = 0; !rest.empty(); ++page) {
    const auto part = rest.first(std::min<size_t>(rest.size(), kPageTokens));
    rest = rest.subspan(part.size());
    // A page that holds a beginning of another one is replaced by it.
    Node* same = nullptr;
    for (const auto& child : node->children) {
      const auto length = common_prefix(child->tokens, part);
      if (length == child->tokens.size() || length == part.size()) same = child.get();
    }
    if (!same) {
      node->children.push_back(std::make_unique<Node>());
      same = node->children.back().get();
    }
    same->used = ++clock_;
    if (same->tokens.size() < part.size()) {
      same->tokens.assign(part.begin(), part.end());
      same->page = sequence.pages()[page];
    }
    if (part.size() < kPageTokens) return;
    node = same;
  }
}

void PrefixCache::find_oldest(Node& node, Leaf& oldest) {
  for (size_t i = 0; i < node.children.size(); ++i) {
    auto& child = *node.children[i];
    if (!child.children.empty()) {
      find_oldest(child, oldest);
    } else if (child.page.use_count() == 1 && (!oldest.parent || child.used < oldest.used)) {
      oldest = {&node, i, child.used};
    }
  }
}

bool PrefixCache::drop_oldest() {
  Leaf oldest;
  find_oldest(root_, oldest);
  if (!oldest.parent) return false;
  auto& siblings = oldest.parent->children;
  siblings.erase(siblings.begin() + static_cast<std::ptrdiff_t>(oldest.child));
  return true;
}

}  // namespace gptkit
