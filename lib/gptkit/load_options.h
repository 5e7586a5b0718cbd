#pragma once
// Where a model runs.

#include <string>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct LoadOptions {
  std::string device = "auto";  ///< auto (a GPU if there is one), cpu, cuda or cuda:N
  int threads = 0;              ///< of the whole process; 0: the physical cores
};

}  // namespace gptkit::api
