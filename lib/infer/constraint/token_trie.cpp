#include "infer/constraint/token_trie.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

std::size_t common_bytes(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first -
                                  a.begin());
}

}  // namespace

TokenTrie::TokenTrie(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    if (!tokens_[i].empty()) ids_.push_back(static_cast<TokenId>(i));
  }
  std::sort(ids_.begin(), ids_.end(), [this](TokenId a, TokenId b) {
    const int order = bytes(a).compare(bytes(b));
    return order < 0 || (order == 0 && a < b);
  });

  std::vector<std::uint32_t> open;  // nodes of the text before, each one byte longer
  const auto close = [&](std::size_t depth) {
    while (open.size() > depth) {
      nodes_[open.back()].behind = static_cast<std::uint32_t>(nodes_.size());
      open.pop_back();
    }
  };
  std::string_view before;
  for (std::uint32_t t = 0; t < ids_.size(); ++t) {
    const std::string_view text = bytes(ids_[t]);
    close(common_bytes(before, text));
    while (open.size() < text.size()) {
      const auto byte = static_cast<std::uint8_t>(text[open.size()]);
      open.push_back(static_cast<std::uint32_t>(nodes_.size()));
      // Tokens of a longer text begin where those of this one end.
      nodes_.push_back({byte, static_cast<std::uint32_t>(open.size()), 0, t});
    }
    longest_ = std::max(longest_, static_cast<std::uint32_t>(text.size()));
    before = text;
  }
  close(0);
  nodes_.push_back({0, 0, 0, static_cast<std::uint32_t>(ids_.size())});

  first_.fill(kNone);
  for (std::uint32_t i = 0; i < size(); i = nodes_[i].behind) first_[nodes_[i].byte] = i;
}

std::optional<std::uint32_t> TokenTrie::first(std::uint8_t byte) const {
  return first_[byte] == kNone ? std::nullopt : std::optional(first_[byte]);
}

std::optional<std::uint32_t> TokenTrie::child(std::uint32_t index, std::uint8_t byte) const {
  for (std::uint32_t i = index + 1; i < nodes_[index].behind; i = nodes_[i].behind) {
    if (nodes_[i].byte == byte) return i;
  }
  return std::nullopt;
}

bool TokenTrie::has_byte(std::uint8_t byte) const {
  const auto node = first(byte);
  return node && !tokens(*node).empty();
}

TokenTrie token_trie(const Tokenizer& tokenizer, std::span<const TokenId> ends) {
  require(
      tokenizer.algorithm() != "word",
      "constrained output needs a tokenizer whose tokens are pieces of text; this one has whole "
      "words");
  std::vector<std::string> tokens(static_cast<std::size_t>(tokenizer.vocab_size()));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const bool special = tokenizer.special_id(tokenizer.vocabulary_text(id)) == id;
    if (special || std::find(ends.begin(), ends.end(), id) != ends.end()) continue;
    tokens[i] = tokenizer.token_bytes(id);
  }
  return TokenTrie(std::move(tokens));
}

}  // namespace gptkit
