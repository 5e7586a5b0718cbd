#pragma once
// GPT-2's byte alphabet: how vocabularies and GGUF files write the bytes of a token as text.

#include <optional>
#include <string>
#include <string_view>

namespace gptkit {

/// Bytes in GPT-2's byte alphabet, UTF-8: printable Latin-1 stands for itself, the other 68 bytes
/// for U+0100 and on (a blank is U+0120, "Ġ").
std::string byte_level_text(std::string_view bytes);

/// The bytes that byte_level_text wrote; nothing when a character is outside the alphabet.
std::optional<std::string> byte_level_bytes(std::string_view text);

}  // namespace gptkit
