#pragma once
// Texts as Python sees them: by characters, not bytes.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "chat/jinja/tracked_text.h"

namespace gptkit::jinja {

/// Where each character begins, and the text's end. A byte that is part of no character stands for
/// itself.
std::vector<std::size_t> character_starts(std::string_view text);
std::int64_t character_count(std::string_view text);

/// str.strip, lstrip and rstrip: without white space or, if given, without these characters.
TrackedText stripped(const TrackedText& text, std::optional<std::string_view> characters, bool left,
                     bool right);

/// str.replace; a negative count: all.
TrackedText replaced(const TrackedText& text, std::string_view from, const TrackedText& to,
                     std::int64_t count);

/// str.split: at a separator, or at white space without empty parts; a negative count: all.
std::vector<TrackedText> split(const TrackedText& text, std::optional<std::string_view> separator,
                               std::int64_t count);
std::vector<TrackedText> split_from_right(const TrackedText& text,
                                          std::optional<std::string_view> separator,
                                          std::int64_t count);
/// str.splitlines
std::vector<TrackedText> split_lines(const TrackedText& text, bool keep_ends);

TrackedText lowered(const TrackedText& text);
/// The other cases support ASCII only and return nothing for a text with other letters.
enum class LetterCase {
  kUpper,
  kTitle,  ///< str.title: every letter that is behind none
  kWords,  ///< Jinja's title: the first character of every word
  kCapitalize,
};
std::optional<TrackedText> in_case(const TrackedText& text, LetterCase letter_case);

}  // namespace gptkit::jinja
