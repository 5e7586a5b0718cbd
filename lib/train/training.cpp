#include "train/training.h"

#include "base/error.h"

namespace gptkit {

void validate(const Training& training) {
  const auto& config = training.config;
  validate(config);
  require(training.data.validation || (!config.keep_best && config.early_stopping == 0), "train.",
          config.keep_best ? "keep_best" : "early_stopping",
          " compares val_loss, which needs validation data; name some in data.validation, or leave "
          "it out");
}

}  // namespace gptkit
