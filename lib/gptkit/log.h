#pragma once
// Messages of the library go to standard error. Standard output is never written.

#include "gptkit/namespace.h"

namespace gptkit::api {

enum class LogLevel {
  kWarnings,  ///< warnings only
  kInfo,      ///< progress, too: the default
};

/// For the whole process. Thread-safe.
void set_log_level(LogLevel level);

}  // namespace gptkit::api
