#pragma once
// "Did you mean": the known key, option or command nearest to a misspelt one.

#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

/// The known word that begins with `word` (four letters or more), or the nearest by edit distance:
/// at most one edit or a third of the letters of `word` are added, removed, changed or swapped.
/// Empty when there is none.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace gptkit
