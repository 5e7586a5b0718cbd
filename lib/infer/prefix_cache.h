#pragma once
// Beginnings of sequences whose keys and values are kept: a tree of pages (nn/kv_pages.h), each
// with the tokens it holds. A new prompt takes over the longest beginning that is known, and shares
// its memory.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "nn/kv_pages.h"
#include "text/tokenizer.h"

namespace gptkit {

/// The length of the common prefix.
size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b);

class PrefixCache {
 public:
  /// The longest beginning of `tokens` that is known, at most `most` tokens of it.
  KvSequence find(std::span<const TokenId> tokens, int64_t most);
  /// Keeps the pages of a sequence that holds the keys and values of `tokens`.
  void insert(std::span<const TokenId> tokens, const KvSequence& sequence);
  /// Drops the beginning that was used longest ago and that no sequence shares. False: there is
  /// none.
  bool drop_oldest();
  void clear() { root_ = {}; }

 private:
  struct Node {
    std::vector<TokenId> tokens = {};  // 1 to kPageTokens; children only behind a full page
    KvPage page = nullptr;
    uint64_t used = 0;
    std::vector<std::unique_ptr<Node>> children = {};
  };
  /// Where the oldest leaf below `node` that nobody shares hangs.
  struct Leaf {
    Node* parent = nullptr;
    size_t child = 0;
    uint64_t used = 0;
  };
  static void find_oldest(Node& node, Leaf& oldest);

  Node root_;
  uint64_t clock_ = 0;  // counts uses
};

}  // namespace gptkit
