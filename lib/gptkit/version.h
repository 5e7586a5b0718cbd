#pragma once
// The version of the library that a program runs with.

#include <string>

#include "gptkit/namespace.h"

namespace gptkit::api {

/// "0.2.0": https://semver.org. Before 1.0 a new minor version may change the public headers.
std::string version();

}  // namespace gptkit::api
