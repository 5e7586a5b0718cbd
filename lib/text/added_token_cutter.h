#pragma once
// Cuts texts at the added tokens of a tokenizer.json, with their flags lstrip, rstrip and
// single_word (text/pipeline_tokenizer.h).

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/special_finder.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace gptkit {

/// The added tokens that are looked for together: before or behind the normalizers.
class AddedTokenCutter {
 public:
  void add(const AddedToken& token, std::string text) {
    if (text.empty()) return;
    texts_.push_back(std::make_unique<std::string>(std::move(text)));
    finder_.add(*texts_.back(), token.id);
    tokens_.emplace(token.id, token);
  }
  void finish() { finder_.put_longest_first(); }

  /// Calls on_text(begin, end) and on_token(id) for the parts of a text in order.
  template <class OnText, class OnToken>
  void cut(std::string_view text, SpecialTokens allowed, const OnText& on_text,
           const OnToken& on_token) const {
    std::size_t done = 0;
    for (std::size_t from = 0; !finder_.empty();) {
      const auto match = finder_.next(text, from);
      if (match.at >= text.size()) break;
      const AddedToken& token = tokens_.at(match.id);
      std::size_t begin = match.at, end = match.at + match.bytes;
      from = end;
      if (token.special && allowed == SpecialTokens::kAsText) continue;
      if (token.single_word && in_word(text, begin, end)) continue;
      if (token.left_strip) begin = std::max(space_begin(text, done, begin), done);
      if (token.right_strip) end = space_end(text, end);
      if (done < begin) on_text(done, begin);
      on_token(match.id);
      done = std::max(done, end);
    }
    if (done < text.size()) on_text(done, text.size());
  }

 private:
  SpecialFinder finder_;
  std::vector<std::unique_ptr<std::string>> texts_;
  std::unordered_map<TokenId, AddedToken> tokens_;

  /// Whether a word character is right before or after [begin, end).
  static bool in_word(std::string_view text, std::size_t begin, std::size_t end);
  /// The start of the white space before `end`, not before `begin`.
  static std::size_t space_begin(std::string_view text, std::size_t begin, std::size_t end);
  /// The end of the white space at `at`.
  static std::size_t space_end(std::string_view text, std::size_t at);
};

}  // namespace gptkit
