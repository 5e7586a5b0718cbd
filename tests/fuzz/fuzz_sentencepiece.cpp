// text/sentencepiece: a model that opens encodes and decodes.

#include <array>
#include <cstring>

#include "fuzz.h"
#include "text/sentencepiece.h"

namespace gptkit::fuzz {
namespace {

// Protocol buffers, as sentencepiece_model.proto numbers its fields.

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out += static_cast<char>(value);
}

std::string number(std::uint64_t field, std::uint64_t value) {
  return varint(field << 3) + varint(value);
}

std::string text(std::uint64_t field, std::string_view content) {
  return varint(field << 3 | 2) + varint(content.size()) + std::string(content);
}

std::string real(std::uint64_t field, float value) {
  return varint(field << 3 | 5) + std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

enum PieceType : std::uint64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

std::string piece(std::string_view content, float score, PieceType type) {
  return text(1, text(1, content) + real(2, score) + number(3, type));
}

/// A normalisation table that makes 'A' an 'a': a Darts double array of one block, its size first.
std::string charsmap() {
  std::array<std::uint32_t, 257> units = {sizeof(std::uint32_t) * 256};
  const auto unit = [&](std::uint32_t index) -> std::uint32_t& { return units[index + 1]; };
  unit('A') = 'A' | 1u << 8 | (static_cast<std::uint32_t>('A') ^ 0x80) << 10;  // ends, child 0x80
  unit(0x80) = 0x80000000;  // a leaf: the replacement at 0
  std::string table(reinterpret_cast<const char*>(units.data()), sizeof units);
  return table + std::string("a\0", 2);
}

std::string model(std::uint64_t algorithm, const std::string& trainer,
                  const std::string& normalizer, bool bytes) {
  std::string out = piece("<unk>", 0, kUnknown) + piece("<s>", 0, kControl) +
                    piece("</s>", 0, kControl) + piece("<|mark|>", 0, kUserDefined);
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (std::size_t b = 0; bytes && b < 256; ++b) {
    const std::array<char, 6> name = {'<', '0', 'x', kHex[b / 16], kHex[b % 16], '>'};
    out += piece({name.data(), name.size()}, 0, kByte);
  }
  float score = 0;
  for (const char* word : {"\xE2\x96\x81", "a", "b", "ab",
                           "\xE2\x96\x81"
                           "ab",
                           "e", "\xC3\xA9"}) {
    out += piece(word, score -= 1, kNormal);
  }
  return out + text(2, number(3, algorithm) + trainer) + text(3, normalizer);
}

}  // namespace

Corpus corpus() {
  const std::string plain = text(1, "identity") + number(3, 0) + number(4, 0);
  return {{model(1, "", plain, false), model(2, "", plain, false), model(3, "", plain, false),
           model(4, "", plain, false), model(1, number(35, 1), plain, true),
           model(2, number(35, 1), "", true),
           model(1, "", text(1, "ours") + text(2, charsmap()) + number(3, 1), false)}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const auto tokenizer = load_sentencepiece(fuzz::file_of(bytes));
    const std::string_view sample = "AB ab  a\xC3\xA9\xF0\x9F\x98\x80\xFF<|mark|>\n<s>";
    for (const auto special : {SpecialTokens::kAsText, SpecialTokens::kAllow}) {
      const auto ids = tokenizer->encode(sample, special);
      for (const TokenId id : ids) {
        fuzz::check(tokenizer->contains(id), "an id is in the vocabulary");
        fuzz::touch(tokenizer->token_bytes(id));
      }
      fuzz::touch(tokenizer->decode(ids));
    }
  });
}
