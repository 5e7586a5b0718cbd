#include "gptkit/log.h"

#include "base/log.h"

namespace gptkit::api {

void set_log_level(LogLevel level) {
  gptkit::set_log_level(level == LogLevel::kInfo ? gptkit::LogLevel::kInfo
                                                 : gptkit::LogLevel::kQuiet);
}

}  // namespace gptkit::api
