#pragma once
// What the tokenizer tests share: small BPE models, a plain reference for merging, random bytes.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "support/support.h"
#include "text/bpe.h"
#include "text/hugging_face_tokenizer.h"
#include "text/unicode.h"

namespace gptkit::test {

/// Knuth's 64-bit linear congruential generator, as in make_tokenizer_golden.py.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return (state_ >> 33) % n;
  }
  std::string bytes(std::size_t count) {
    std::string text(count, '\0');
    for (char& c : text) c = static_cast<char>(below(256));
    return text;
  }

 private:
  std::uint64_t state_;
};

/// Up to 29 parts: one in eight any scalar value, the rest fragments.
inline std::string random_text(Random& random, const std::vector<std::string>& fragments) {
  std::string text;
  for (std::size_t parts = random.below(30); parts > 0; --parts) {
    if (random.below(8) == 0) {
      const std::size_t code = random.below(0x110000 - 0x800);
      append_utf8(text, static_cast<char32_t>(code < 0xD800 ? code : code + 0x800));
    } else {
      text += fragments[random.below(fragments.size())];
    }
  }
  return text;
}

/// The 256 bytes in order, then one token for each merge of two texts, then "<|endoftext|>".
inline BpeModel small_model(const std::vector<std::pair<std::string, std::string>>& merges) {
  BpeModel model;
  for (int b = 0; b < 256; ++b) model.tokens.emplace_back(1, static_cast<char>(b));
  const auto id_of = [&](const std::string& token) {
    const auto it = std::find(model.tokens.begin(), model.tokens.end(), token);
    return static_cast<TokenId>(it - model.tokens.begin());
  };
  for (const auto& [left, right] : merges) {
    model.merges.emplace_back(id_of(left), id_of(right));
    if (id_of(left + right) == static_cast<TokenId>(model.tokens.size())) {
      model.tokens.push_back(left + right);
    }
  }
  model.special = {static_cast<TokenId>(model.tokens.size())};
  model.tokens.push_back("<|endoftext|>");
  return model;
}

inline BpeModel small_model() {
  return small_model({{"h", "e"}, {"l", "l"}, {"he", "ll"}, {"hell", "o"}, {" ", "hello"}});
}

/// The byte-level tokenizer of a folder.
inline std::shared_ptr<const BpeTokenizer> load_bpe(const fs::path& folder) {
  return std::dynamic_pointer_cast<const BpeTokenizer>(load_hugging_face_tokenizer(folder));
}

/// GPT-2's tokenizer made from the real data's files.
inline BpeTokenizer gpt2_tokenizer(const fs::path& data) {
  return BpeTokenizer(read_vocab_and_merges(data / "gpt2-vocab.json", data / "gpt2-merges.txt"));
}

}  // namespace gptkit::test
