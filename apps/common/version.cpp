#include "common/version.h"

namespace gptkit {

std::string version() { return GPTKIT_VERSION; }

}  // namespace gptkit
