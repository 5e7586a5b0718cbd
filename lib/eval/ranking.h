#pragma once
// Rows ranked by a score against a yes-or-no truth: ROC, precision-recall, and the threshold that
// keeps a wanted precision. Rows with equal scores are one step, never ordered by chance, as in
// scikit-learn. A figure that divides by nothing is absent, not zero and not NaN.

#include <cstdint>
#include <optional>
#include <vector>

namespace gptkit {

/// What lies at or above one score.
struct RankedPoint {
  double threshold = 0;
  std::int64_t true_positives = 0, false_positives = 0;
};

struct Ranking {
  std::int64_t positives = 0, negatives = 0;
  std::vector<RankedPoint> points;  ///< one for each distinct score, falling
};

/// Scores must be finite, and as many as truths. Sorts: n log n.
Ranking rank_by_score(const std::vector<double>& scores, const std::vector<bool>& positive);

/// Area under the ROC curve by trapezoids: the chance that a positive row scores above a negative
/// one, ties counting half. Absent unless both kinds occur.
std::optional<double> roc_auc(const Ranking& ranking);

/// Average precision: sum of (R_n - R_n-1) P_n, no interpolation (which is too kind). Absent
/// without positive rows; 1 without negative ones.
std::optional<double> average_precision(const Ranking& ranking);

struct CurvePoint {
  double x = 0, y = 0;
  double threshold = 0;  ///< of the rows counted; above all scores: the highest one
};

/// From (0,0) to (1,1); x is the false positive rate, y the true positive rate. Empty unless both
/// kinds occur. With a `gap` points closer than that to the last one kept
/// are left out, but for the ends of leaps.
std::vector<CurvePoint> roc_curve(const Ranking& ranking, double gap = 0);

/// x is recall, rising; y precision. Empty without positive rows. To be drawn as steps: between two
/// points precision does not run along the line. `gap` as above.
std::vector<CurvePoint> precision_recall_curve(const Ranking& ranking, double gap = 0);

/// A row is called positive when its score is at least `threshold`.
struct ThresholdChoice {
  double threshold = 0, target_precision = 0;
  double precision = 0, recall = 0;  ///< on the rows it was chosen on
  bool reached = false;  ///< false: nothing is as precise, this is the most precise there is
};

/// The largest recall with at least that precision, and of equal recalls the greater precision.
/// When none reaches it, the greatest precision, and of those the largest recall. Absent without
/// positive rows.
std::optional<ThresholdChoice> choose_threshold(const Ranking& ranking, double target_precision);

struct BinaryCounts {
  std::int64_t true_positives = 0, false_positives = 0, false_negatives = 0, true_negatives = 0;

  std::int64_t rows() const {
    return true_positives + false_positives + false_negatives + true_negatives;
  }
  std::optional<double> accuracy() const;
  std::optional<double> precision() const;  ///< absent when nothing is called positive
  std::optional<double> recall() const;     ///< absent without positive rows
  std::optional<double> f1() const;
  std::optional<double> false_positive_rate() const;
};

/// The ranking's rows cut at a threshold. Takes log n.
BinaryCounts count_at(const Ranking& ranking, double threshold);

}  // namespace gptkit
