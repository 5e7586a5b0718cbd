#pragma once
// Tokens are numbers from 0 to the size of the vocabulary - 1.

#include <cstdint>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

using TokenId = std::int32_t;
using TokenIds = std::vector<TokenId>;

}  // namespace gptkit::api
