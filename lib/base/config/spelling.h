#pragma once
// What somebody meant who misspelt a key, an option or a command.

#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

/// The known word that `word` is the beginning of (four letters and more) or that is near it: by
/// the letters that must be added, dropped, changed or swapped with their neighbour, at most a
/// third of `word`'s or one. Empty when there is none.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace gptkit
