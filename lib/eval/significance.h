#pragma once
// Confidence intervals of a share of rows, and a paired test. Neither assumes normality, so they
// are valid for classifiers with only a few errors.

#include <cstdint>
#include <optional>

namespace gptkit {

struct Interval {
  double low = 0, high = 1;
  bool operator==(const Interval&) const = default;
};

/// 95 % interval of a share, Wilson 1927 ("Probable inference", J. Am. Stat. Assoc. 22). Unlike the
/// normal approximation it is inside [0,1] and not empty if all rows or none are correct. Without
/// trials it is [0,1].
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

/// A share of rows and its 95 % interval.
struct Share {
  std::int64_t part = 0, whole = 0;
  std::optional<double> value() const;  ///< absent without rows
  Interval interval() const { return wilson_interval(part, whole); }
};

/// Two-sided p-value of McNemar's exact test: `first_only` rows are correct only for the first
/// classifier, `second_only` rows only for the second. Rows that both classify correctly or both
/// incorrectly have no information about which is better. 1 if there are no others. The cost is
/// proportional to the smaller count.
double mcnemar_exact(std::int64_t first_only, std::int64_t second_only);

}  // namespace gptkit
