#include "train/training.h"

#include "base/error.h"

namespace gptkit {

void validate(const Training& training) {
  const auto& config = training.config;
  validate(config);
  const Key key{config.keep_best ? "train.keep_best" : "train.early_stopping"};
  require(training.data.validation || (!config.keep_best && config.early_stopping == 0), key,
          " compares val_loss, which needs validation data; set ", Key{"data.validation"},
          ", or leave it out");
}

}  // namespace gptkit
