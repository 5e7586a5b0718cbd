#pragma once
// Which gptkit this is.

#include <string>

namespace gptkit {

std::string version();  ///< "0.2.0"
/// "1a2fb7e", "1a2fb7e with changes"; "unknown" outside a git repository.
std::string commit();

}  // namespace gptkit
