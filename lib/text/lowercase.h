#pragma once
// Lower case for every script of Unicode 14, whatever the locale is.

#include <string>
#include <string_view>

namespace gptkit {

/// The small letter of a capital; every other character is returned as it is.
char32_t to_lower(char32_t code);

/// The text in lower case, as Python's str.lower(): U+0130 becomes two characters, and a capital
/// sigma that ends a word (after a letter, before none) the final sigma. What is not well-formed
/// UTF-8 becomes U+FFFD, so the result is well-formed.
std::string lowercase(std::string_view text);

}  // namespace gptkit
