#include "gptkit/version.h"

namespace gptkit::api {

std::string version() { return GPTKIT_VERSION; }

}  // namespace gptkit::api
