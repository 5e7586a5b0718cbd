#pragma once
// A tokenizer small enough to follow by eye, and files for the data tests.

#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "support/support.h"
#include "text/tokenizer.h"

namespace gptkit::test {

/// Every byte is its own id; 256 is "<|endoftext|>", 257 and 258 the markers of chatml.
class ByteTokenizer : public Tokenizer {
 public:
  static constexpr TokenId kEnd = 256;

  void encode_append(std::string_view text, std::vector<TokenId>& ids,
                     SpecialTokens special = SpecialTokens::kAsText) const override {
    while (!text.empty()) {
      const bool end = special == SpecialTokens::kAllow && text.starts_with(kSpecials[0]);
      ids.push_back(end ? kEnd : static_cast<unsigned char>(text.front()));
      text.remove_prefix(end ? kSpecials[0].size() : 1);
    }
  }
  std::string token_bytes(TokenId id) const override {
    require(contains(id), "id ", id, " is outside the vocabulary");
    return id < 256 ? std::string(1, static_cast<char>(id)) : std::string(kSpecials[id - 256]);
  }
  std::int64_t vocab_size() const override { return 259; }
  std::optional<TokenId> special_id(std::string_view text) const override {
    for (std::size_t i = 0; i < 3; ++i) {
      if (text == kSpecials[i]) return static_cast<TokenId>(256 + i);
    }
    return std::nullopt;
  }
  std::optional<TokenId> end_of_text() const override { return kEnd; }
  std::string algorithm() const override { return "char"; }
  void save(const std::filesystem::path&) const override {}

 private:
  static constexpr std::string_view kSpecials[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
};

inline void write(const fs::path& path, std::string_view content) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << content;
}

/// The bytes of numbers as they lie in memory.
template <class T>
std::string bytes_of(const std::vector<T>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};
}

/// SHA-256 of int64 numbers: what hashlib gives of numpy's array.astype("<i8").tobytes().
inline std::string digest(const std::vector<std::int64_t>& numbers) {
  return sha256_hex(bytes_of(numbers));
}

/// GPT-2's tokenizer from the real data folder.
inline std::shared_ptr<const Tokenizer> gpt2_tokenizer(const fs::path& real_data) {
  const ScratchFolder folder;
  fs::copy_file(real_data / "gpt2-vocab.json", folder / "vocab.json");
  fs::copy_file(real_data / "gpt2-merges.txt", folder / "merges.txt");
  return load_tokenizer(folder.path().string());
}

}  // namespace gptkit::test
