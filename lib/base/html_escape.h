#pragma once
// The one place where text becomes HTML or SVG.

#include <string>
#include <string_view>

namespace gptkit {

/// & < > " ' as entities; control characters, which HTML cannot write, as U+FFFD: fit for an
/// element's content and for a quoted attribute. Expects UTF-8; invalid bytes become U+FFFD.
std::string html_escape(std::string_view text);

}  // namespace gptkit
