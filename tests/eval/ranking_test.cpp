#include "eval/ranking.h"

#include <cmath>
#include <random>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

/// Ten rows with ties within and across the classes.
Ranking tied() {
  return rank_by_score({0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.7, 0.9, 0.7, 0.2},
                       {false, false, true, true, false, true, false, true, true, false});
}

Ranking random_ranking(unsigned seed, int rows) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise;
  std::vector<double> scores;
  std::vector<bool> positive;
  for (int row = 0; row < rows; ++row) {
    positive.push_back(random() % 4 == 0);
    // Rounded: some rows tie.
    scores.push_back(std::round(20 * (noise(random) + (positive.back() ? 1.0 : 0.0))) / 20);
  }
  return rank_by_score(scores, positive);
}

TEST(Ranking, FiguresAreThoseOfScikitLearn) {
  // roc_auc_score and average_precision_score of the ten rows
  EXPECT_DOUBLE_EQ(*roc_auc(tied()), 0.78);
  EXPECT_DOUBLE_EQ(*average_precision(tied()), 0.7892857142857141);
}

TEST(Ranking, RowsOfOneScoreAreOneStepOfTheCurves) {
  // roc_curve(y, s, drop_intermediate=False)
  const std::vector<CurvePoint> want = {{0.0, 0.0, 0.9}, {0, 0.2, 0.9},   {0, 0.4, 0.8},
                                        {0.2, 0.6, 0.7}, {0.6, 0.8, 0.4}, {0.6, 1, 0.35},
                                        {0.8, 1, 0.2},   {1, 1, 0.1}};
  const auto curve = roc_curve(tied());
  ASSERT_EQ(curve.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_DOUBLE_EQ(curve[i].x, want[i].x) << i;
    EXPECT_DOUBLE_EQ(curve[i].y, want[i].y) << i;
    EXPECT_DOUBLE_EQ(curve[i].threshold, want[i].threshold) << i;
  }
}

TEST(Ranking, ThePrecisionRecallCurveIsThatOfScikitLearn) {
  // precision_recall_curve(y, s) from the end, without its added point (recall 0, precision 1)
  const std::vector<CurvePoint> want = {{0.2, 1, 0.9},    {0.4, 1, 0.8},
                                        {0.6, 0.75, 0.7}, {0.8, 0.5714285714285714, 0.4},
                                        {1, 0.625, 0.35}, {1, 0.5555555555555556, 0.2},
                                        {1, 0.5, 0.1}};
  const auto curve = precision_recall_curve(tied());
  ASSERT_EQ(curve.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_DOUBLE_EQ(curve[i].x, want[i].x) << i;
    EXPECT_DOUBLE_EQ(curve[i].y, want[i].y) << i;
    EXPECT_DOUBLE_EQ(curve[i].threshold, want[i].threshold) << i;
  }
}

TEST(Ranking, TheAreaIsTheChanceThatAPositiveRowScoresHigher) {
  std::mt19937 random(5);
  std::vector<double> scores;
  std::vector<bool> positive;
  for (int row = 0; row < 200; ++row) {
    positive.push_back(random() % 3 == 0);
    scores.push_back(static_cast<double>(random() % 20 + (positive.back() ? 4 : 0)));
  }
  double wins = 0, pairs = 0;
  for (size_t a = 0; a < scores.size(); ++a) {
    for (size_t b = 0; b < scores.size(); ++b) {
      if (!positive[a] || positive[b]) continue;
      ++pairs;
      wins += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(*roc_auc(rank_by_score(scores, positive)), wins / pairs, 1e-12);
}

TEST(Ranking, OneClassHasNoArea) {
  const auto none = rank_by_score({0.1, 0.9}, {false, false});
  EXPECT_FALSE(roc_auc(none));
  EXPECT_FALSE(average_precision(none));
  EXPECT_TRUE(roc_curve(none).empty());
  EXPECT_TRUE(precision_recall_curve(none).empty());
  EXPECT_FALSE(choose_threshold(none, 0.9));
  const auto all = rank_by_score({0.1, 0.9}, {true, true});
  EXPECT_FALSE(roc_auc(all));
  EXPECT_EQ(average_precision(all), 1);
  EXPECT_FALSE(roc_auc(rank_by_score({}, {})));
}

TEST(Ranking, RefusesScoresWithoutARank) {
  expect_error([] { rank_by_score({0.1, std::nan("")}, {true, false}); }, "row 1: a score of nan");
  expect_error([] { rank_by_score({0.1}, {true, false}); }, "there are 1 scores and 2 truths");
}

TEST(Ranking, AThinnedCurveKeepsItsEndsAndStaysClose) {
  const auto ranking = random_ranking(3, 5000);
  const auto whole = roc_curve(ranking), thin = roc_curve(ranking, 0.02);
  EXPECT_LT(thin.size(), 110u);
  EXPECT_EQ(thin.front().x, 0);
  EXPECT_EQ(thin.back().y, 1);
  for (const auto& point : whole) {
    double nearest = 1;
    for (const auto& kept : thin) {
      nearest = std::min(nearest, std::max(std::abs(kept.x - point.x), std::abs(kept.y - point.y)));
    }
    EXPECT_LE(nearest, 0.02);
  }
}

TEST(Threshold, KeepsTheWantedPrecisionWithTheMostRecall) {
  for (const unsigned seed : {1u, 2u, 3u, 4u, 5u}) {
    const auto ranking = random_ranking(seed, 400);
    for (const double wanted : {0.3, 0.5, 0.7}) {
      const auto choice = choose_threshold(ranking, wanted);
      ASSERT_TRUE(choice);
      const auto counts = count_at(ranking, choice->threshold);
      EXPECT_EQ(*counts.precision() >= wanted, choice->reached);
      EXPECT_DOUBLE_EQ(*counts.precision(), choice->precision);
      EXPECT_DOUBLE_EQ(*counts.recall(), choice->recall);
      for (const auto& point : ranking.points) {
        const auto other = count_at(ranking, point.threshold);
        if (!choice->reached) {
          EXPECT_LE(*other.precision(), choice->precision);
        } else if (*other.precision() >= wanted) {
          EXPECT_LE(*other.recall(), choice->recall);
        }
      }
    }
  }
}

TEST(Threshold, SaysWhenNoneIsAsPreciseAndTakesTheBest) {
  // Falling: wrong, right, right, wrong: the best is 2 of 3.
  const auto ranking = rank_by_score({0.9, 0.8, 0.7, 0.6}, {false, true, true, false});
  const auto choice = choose_threshold(ranking, 0.99);
  ASSERT_TRUE(choice);
  EXPECT_FALSE(choice->reached);
  EXPECT_EQ(choice->threshold, 0.7);
  EXPECT_DOUBLE_EQ(choice->precision, 2.0 / 3);
  EXPECT_EQ(choice->recall, 1);
  expect_error([&] { choose_threshold(ranking, 0); }, "wanted precision 0 is out of range");
}

TEST(Threshold, OfEqualRecallsTakesTheGreaterPrecision) {
  const auto choice = choose_threshold(rank_by_score({0.9, 0.8, 0.7}, {true, true, false}), 0.5);
  EXPECT_EQ(choice->threshold, 0.8);
  EXPECT_EQ(choice->precision, 1);
}

TEST(Threshold, CutsAtAndAboveAScore) {
  const auto counts = count_at(tied(), 0.4);
  EXPECT_EQ(counts.true_positives, 4);
  EXPECT_EQ(counts.false_positives, 3);
  EXPECT_EQ(counts.false_negatives, 1);
  EXPECT_EQ(counts.true_negatives, 2);
  EXPECT_DOUBLE_EQ(*counts.false_positive_rate(), 0.6);
  const auto nothing = count_at(tied(), 0.95);
  EXPECT_FALSE(nothing.precision());
  EXPECT_EQ(nothing.recall(), 0);
  EXPECT_EQ(count_at(tied(), 0).true_positives, 5);
}

}  // namespace
}  // namespace gptkit
