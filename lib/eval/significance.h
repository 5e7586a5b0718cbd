#pragma once
// How far a share of rows can be trusted: intervals and a paired test, both without any assumption
// of normality, for classifiers that err on a handful of rows.

#include <cstdint>
#include <optional>

namespace gptkit {

struct Interval {
  double low = 0, high = 1;
  bool operator==(const Interval&) const = default;
};

/// 95 % interval of a share, Wilson 1927 ("Probable inference", J. Am. Stat. Assoc. 22). Unlike the
/// normal approximation it stays inside [0,1] and is not empty when all rows or none are right.
/// Of no trials nothing is known: [0,1].
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

/// A share of rows and its 95 % interval.
struct Share {
  std::int64_t part = 0, whole = 0;
  std::optional<double> value() const;  ///< absent of no rows
  Interval interval() const { return wilson_interval(part, whole); }
};

/// Two-sided p-value of McNemar's exact test: `first_only` rows only the first classifier has
/// right, `second_only` rows only the second. Rows both have right or wrong say nothing about which
/// is better. 1 when there are no others. Costs a pass over the smaller count.
double mcnemar_exact(std::int64_t first_only, std::int64_t second_only);

}  // namespace gptkit
