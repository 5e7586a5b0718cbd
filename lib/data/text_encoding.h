#pragma once
// Input text in another encoding -> UTF-8. UTF-16 is known by its byte order mark. Bytes that are
// not UTF-8 are taken for Windows-1252 (Latin-1 with printable characters in 0x80 to 0x9F), unless
// the text holds more characters of UTF-8 than such bytes: then it is damaged UTF-8.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gptkit {

enum class TextEncoding { kUtf8, kUtf16LittleEndian, kUtf16BigEndian, kWindows1252 };

/// Tells the encoding of a text that comes piece by piece.
class EncodingDetector {
 public:
  void add(std::string_view bytes);
  /// After the last piece; before, what the pieces so far would be.
  TextEncoding encoding() const;

 private:
  std::string tail_;  // the beginning of a character that the next piece may end
  TextEncoding mark_ = TextEncoding::kUtf8;
  bool begun_ = false;
  bool not_windows_1252_ = false;                // a byte that it leaves undefined, or NUL
  std::int64_t characters_ = 0, strangers_ = 0;  // beyond ASCII: of UTF-8; bytes that are not

  void count(std::string_view bytes);
};

/// The encoding of a whole text.
TextEncoding encoding_of(std::string_view bytes);

/// Decodes a text that comes piece by piece. The byte order mark is left out.
class TextDecoder {
 public:
  explicit TextDecoder(TextEncoding encoding) : encoding_(encoding) {}
  TextEncoding encoding() const { return encoding_; }

  /// Appends the next piece's characters. Half a UTF-16 pair becomes U+FFFD.
  void append(std::string_view bytes, std::string& utf8);
  /// U+FFFD for an incomplete last character.
  void finish(std::string& utf8);

 private:
  TextEncoding encoding_;
  bool begun_ = false;
  std::string head_;   // of a byte order mark or of a UTF-16 unit
  char32_t high_ = 0;  // the first half of a UTF-16 pair

  void append_utf16(std::string_view bytes, std::string& utf8);
};

/// The whole text as UTF-8, without a byte order mark. Says once for each name when it was in
/// another encoding. Fails for UTF-32.
std::string decode_text(std::string_view bytes, const std::string& name);

/// decode_text of a file.
std::string read_text(const std::filesystem::path& path,
                      std::uint64_t max_bytes = std::uint64_t{1} << 34);

/// Says, once for each name, that a text is not UTF-8 and what it was read as; nothing for UTF-8.
void say_encoding(TextEncoding encoding, const std::string& name);

/// Fails for a text that begins with the byte order mark of UTF-32.
void refuse_utf32(std::string_view begin, const std::string& name);

/// A warning, said once in the life of the program.
void warn_once(const std::string& message);

}  // namespace gptkit
