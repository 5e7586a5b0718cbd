#include "train/loss_scale.h"

namespace gptkit {

bool LossScale::update(bool finite) {
  constexpr int64_t kPatience = 2000;
  ++steps_since;
  if (!finite) {
    scale /= 2;
    ++skipped;
    steps_since = 0;
  } else if (steps_since == kPatience) {
    scale *= 2;
    steps_since = 0;
  }
  return finite;
}

}  // namespace gptkit
