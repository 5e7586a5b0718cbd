#include "eval/significance.h"

#include "support/support.h"

namespace gptkit {
namespace {

TEST(Significance, WilsonsIntervalIsThatOfSciPy) {
  // scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
  const struct {
    int64_t right, rows;
    double low, high;
  } facts[] = {{10, 10, 0.7224672001371109, 1},
               {0, 10, 0, 0.27753279986288926},
               {81, 263, 0.2552885198782742, 0.36620957698280004},
               {95, 100, 0.8882495307680809, 0.978456320845632},
               {1, 3, 0.06149194472039626, 0.7923403991979523}};
  for (const auto& fact : facts) {
    const auto interval = wilson_interval(fact.right, fact.rows);
    EXPECT_NEAR(interval.low, fact.low, 1e-12) << fact.right << " of " << fact.rows;
    EXPECT_NEAR(interval.high, fact.high, 1e-12) << fact.right << " of " << fact.rows;
  }
}

TEST(Significance, NothingIsKnownOfNoRows) { EXPECT_EQ(wilson_interval(0, 0), (Interval{0, 1})); }

TEST(Significance, AnIntervalHoldsItsShareAndStaysInsideZeroToOne) {
  for (const int64_t rows : {1, 2, 7, 1000}) {
    for (int64_t right = 0; right <= rows; right += 1 + rows / 50) {
      const auto interval = wilson_interval(right, rows);
      const double share = static_cast<double>(right) / static_cast<double>(rows);
      EXPECT_LE(0, interval.low);
      EXPECT_LE(interval.low, share);
      EXPECT_LE(share, interval.high);
      EXPECT_LE(interval.high, 1);
      EXPECT_LT(interval.low, interval.high);
    }
  }
}

TEST(Significance, RefusesMoreSuccessesThanTrials) {
  test::expect_error([] { wilson_interval(4, 3); }, "a share of 4 in 3 rows");
}

TEST(Significance, McNemarsExactTestIsTheBinomialTestOfSciPy) {
  // scipy.stats.binomtest(min(b, c), b + c, 0.5).pvalue
  const struct {
    int64_t first, second;
    double p;
  } facts[] = {{8, 1, 0.0390625},
               {5, 5, 1},
               {121, 59, 4.4344492637551645e-06},
               {0, 3, 0.25},
               {12, 5, 0.143463134765625}};
  for (const auto& fact : facts) {
    EXPECT_NEAR(mcnemar_exact(fact.first, fact.second), fact.p, 1e-9 * fact.p) << fact.first;
    EXPECT_EQ(mcnemar_exact(fact.first, fact.second), mcnemar_exact(fact.second, fact.first));
  }
}

TEST(Significance, ClassifiersThatNeverDifferAreNotToldApart) {
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_EQ(mcnemar_exact(40, 40), 1);
}

}  // namespace
}  // namespace gptkit
