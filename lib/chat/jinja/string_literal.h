#pragma once
// The escapes of string literals in Jinja, which are Python's.

#include <optional>
#include <string>
#include <string_view>

namespace gptkit::jinja {

/// What stands between the quotes, with its escapes resolved; nothing when one of them is no
/// escape of Python's (an unfinished \x, \u or \U, or a \N{name}, which is not supported).
std::optional<std::string> unescape(std::string_view literal);

}  // namespace gptkit::jinja
