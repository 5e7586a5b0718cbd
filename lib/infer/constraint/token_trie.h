#pragma once
// A vocabulary as a tree of bytes, in depth-first order: one walk over an array visits every token
// and skips all tokens of a beginning that does not fit.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace gptkit {

class TokenTrie {
 public:
  struct Node {
    std::uint8_t byte;          // the last one of the node's text
    std::uint32_t depth;        // bytes of the text, at least 1
    std::uint32_t behind;       // index of the first node that does not begin with the text
    std::uint32_t first_token;  // its tokens: ids()[first_token .. first_token of the next node)
  };

  /// The bytes of each token by its id. Empty: a token that is never part of a text.
  explicit TokenTrie(std::vector<std::string> tokens);

  std::int64_t vocab_size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const std::string& bytes(TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }
  std::uint32_t longest() const { return longest_; }

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size() - 1); }
  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  std::span<const TokenId> tokens(std::uint32_t index) const {
    return std::span(ids_).subspan(nodes_[index].first_token,
                                   nodes_[index + 1].first_token - nodes_[index].first_token);
  }

  /// The node of a text: the first byte, then one after the other.
  std::optional<std::uint32_t> first(std::uint8_t byte) const;
  std::optional<std::uint32_t> child(std::uint32_t index, std::uint8_t byte) const;
  /// Whether the byte alone is a token.
  bool has_byte(std::uint8_t byte) const;

 private:
  std::vector<std::string> tokens_;
  std::vector<Node> nodes_;   // and one behind the last
  std::vector<TokenId> ids_;  // in the order of their nodes
  std::array<std::uint32_t, 256> first_{};
  std::uint32_t longest_ = 0;
};

/// A tokenizer's own. Special tokens and `ends`, those that end a text, are never part of one.
/// Fails for tokenizers whose tokens do not make the text by standing one behind the other (words).
TokenTrie token_trie(const Tokenizer& tokenizer, std::span<const TokenId> ends = {});

}  // namespace gptkit
