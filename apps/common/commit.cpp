#include "common/version.h"
#include "gptkit_commit.h"  // written by commit.cmake at each build

namespace gptkit {

std::string commit() { return GPTKIT_COMMIT; }

}  // namespace gptkit
