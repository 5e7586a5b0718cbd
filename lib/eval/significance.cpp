#include "eval/significance.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gptkit {

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  require(successes >= 0 && successes <= trials, "a share of ", successes, " in ", trials,
          " rows has no interval; expected 0 to ", trials);
  if (trials == 0) return {};
  constexpr double kZ = 1.959963984540054;  // 97.5 % quantile of the standard normal
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(successes) / n;
  const double middle = share + kZ * kZ / (2 * n);
  const double reach = kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  const double scale = 1 + kZ * kZ / n;
  // At the ends the bound is exact in theory; rounding would leave 1e-17 of it.
  return {successes == 0 ? 0 : std::max(0.0, (middle - reach) / scale),
          successes == trials ? 1 : std::min(1.0, (middle + reach) / scale)};
}

std::optional<double> Share::value() const {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

double mcnemar_exact(std::int64_t first_only, std::int64_t second_only) {
  require(first_only >= 0 && second_only >= 0, "McNemar's test of ", first_only, " and ",
          second_only, " rows; expected counts of at least 0");
  const std::int64_t n = first_only + second_only;
  const auto less = std::min(first_only, second_only);
  // If neither is better, a fair coin decides: P(X <= less) of n throws, both tails.
  const double log_all =
      std::lgamma(static_cast<double>(n) + 1) - static_cast<double>(n) * std::log(2.0);
  double tail = 0;
  for (std::int64_t k = 0; k <= less; ++k) {
    tail += std::exp(log_all - std::lgamma(static_cast<double>(k) + 1) -
                     std::lgamma(static_cast<double>(n - k) + 1));
  }
  return std::min(1.0, 2 * tail);
}

}  // namespace gptkit
