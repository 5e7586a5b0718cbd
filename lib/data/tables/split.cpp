#include "data/tables/split.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace gptkit {

namespace {

std::string shown(const std::optional<double>& share) {
  return share ? concat(*share) : "the rest";
}

}  // namespace

void validate(const SplitShares& split) {
  constexpr Key kKey{"data.split"};
  const auto shares = concat(": train ", shown(split.train), ", validation ",
                             shown(split.validation), ", test ", shown(split.test), ": ");
  const int absent = !split.train + !split.validation + !split.test;
  require(absent <= 1, kKey, shares, "only one share can be the rest; give the others");
  const double sum =
      split.train.value_or(0) + split.validation.value_or(0) + split.test.value_or(0);
  require(absent == 1 ? sum <= 1 + 1e-9 : std::abs(sum - 1) <= 1e-6, kKey, shares,
          "the shares add up to ", sum, "; expected ", absent == 1 ? "at most 1" : "1");
  const double rest = 1 - sum;
  require(split.train.value_or(rest) > 0 && split.validation.value_or(rest) > 0 &&
              split.test.value_or(0) >= 0,
          kKey, shares, "expected a share above 0 for train and validation");
}

}  // namespace gptkit
