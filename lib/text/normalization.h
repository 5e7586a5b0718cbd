#pragma once
// Unicode's normal forms (https://unicode.org/reports/tr15/), of the Unicode version that
// Hugging Face's `tokenizers` 0.23 has: it is older than utf8proc's and ICU's, and ids depend on
// it.

#include <string>
#include <string_view>

namespace gptkit {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

/// The text in a normal form. Bytes that are not part of well-formed UTF-8 stay as they are.
std::string normal_form(std::string_view text, NormalForm form);

}  // namespace gptkit
