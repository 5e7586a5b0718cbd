#pragma once
// Rows ranked by a score against a yes-or-no truth: ROC, precision-recall, and the threshold for a
// target precision. Rows with equal scores form one step, as in scikit-learn. A metric with a zero
// denominator is absent, not zero and not NaN.

#include <cstdint>
#include <optional>
#include <vector>

namespace gptkit {

/// The counts at or above one score.
struct RankedPoint {
  double threshold = 0;
  std::int64_t true_positives = 0, false_positives = 0;
};

struct Ranking {
  std::int64_t positives = 0, negatives = 0;
  std::vector<RankedPoint> points;  ///< one for each distinct score, in falling order
};

/// Scores must be finite, and as many as truths. Sorts: n log n.
Ranking rank_by_score(const std::vector<double>& scores, const std::vector<bool>& positive);

/// Area under the ROC curve by trapezoids: the probability that a positive row scores above a
/// negative one, where ties count half. Absent unless both kinds occur.
std::optional<double> roc_auc(const Ranking& ranking);

/// Average precision: sum of (R_n - R_n-1) P_n, without interpolation, which is too optimistic.
/// Absent without positive rows; 1 without negative ones.
std::optional<double> average_precision(const Ranking& ranking);

struct CurvePoint {
  double x = 0, y = 0;
  double threshold = 0;  ///< of the rows counted; above all scores: the highest one
};

/// From (0,0) to (1,1); x is the false positive rate, y the true positive rate. Empty unless both
/// kinds occur. With a `gap`, points closer than that to the last one kept are left out, except for
/// the ends of jumps.
std::vector<CurvePoint> roc_curve(const Ranking& ranking, double gap = 0);

/// x is recall, rising; y precision. Empty without positive rows. Draw it as steps: precision
/// between two points is not linear. `gap` as above.
std::vector<CurvePoint> precision_recall_curve(const Ranking& ranking, double gap = 0);

/// A row is predicted positive if its score is at least `threshold`.
struct ThresholdChoice {
  double threshold = 0, target_precision = 0;
  double precision = 0, recall = 0;  ///< on the rows used to choose it
  bool reached =
      false;  ///< false: no threshold reaches the target; this one has the highest precision
};

/// The threshold with the largest recall at that precision or more, and among equal recalls the
/// highest precision. If none reaches it, the highest precision, and among those the largest
/// recall. Absent without positive rows.
std::optional<ThresholdChoice> choose_threshold(const Ranking& ranking, double target_precision);

struct BinaryCounts {
  std::int64_t true_positives = 0, false_positives = 0, false_negatives = 0, true_negatives = 0;

  std::int64_t rows() const {
    return true_positives + false_positives + false_negatives + true_negatives;
  }
  std::optional<double> accuracy() const;
  std::optional<double> precision() const;  ///< absent if nothing is predicted positive
  std::optional<double> recall() const;     ///< absent without positive rows
  std::optional<double> f1() const;
  std::optional<double> false_positive_rate() const;
};

/// The ranking's rows cut at a threshold. Takes log n.
BinaryCounts count_at(const Ranking& ranking, double threshold);

}  // namespace gptkit
