#include "baselines/logistic_regression.h"

#include <cmath>

#include "base/files.h"
#include "base/json.h"
#include "baselines/lbfgs.h"
#include "baselines/tfidf.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::Pointwise;

SparseRow dense(const std::vector<float>& values) {
  SparseRow row;
  for (const float value : values) row.push_back({static_cast<uint32_t>(row.size()), value});
  return row;
}

/// Two columns, the first of which tells the classes apart.
ClassifiedRows points() {
  return {{dense({1, 3}), dense({2, -1}), dense({-1, 2}), dense({-2, 0}), dense({0.5, 1})},
          {1, 1, 0, 0, 0},
          2,
          2};
}

TEST(Lbfgs, FindsTheEndOfTheBananaValley) {  // Rosenbrock's function
  const Objective valley = [](const std::vector<double>& x, std::vector<double>& gradient) {
    const double bend = x[1] - x[0] * x[0];
    gradient = {2 * (x[0] - 1) - 400 * x[0] * bend, 200 * bend};
    return (1 - x[0]) * (1 - x[0]) + 100 * bend * bend;
  };
  const auto found = minimize_lbfgs(valley, {-1.2, 1}, {.tolerance = 1e-8});
  EXPECT_TRUE(found.converged);
  EXPECT_LT(found.iterations, 100);
  EXPECT_THAT(found.x, ElementsAre(DoubleNear(1, 1e-7), DoubleNear(1, 1e-7)));
}

TEST(Lbfgs, StopsWhereRoundingLeavesNoWayDown) {
  const Objective flat = [](const std::vector<double>& x, std::vector<double>& gradient) {
    gradient = {1e-3};
    return 1e16 + x[0] * 0;  // the slope is too small for the value to show it
  };
  const auto found = minimize_lbfgs(flat, {0}, {.max_iterations = 5});
  EXPECT_FALSE(found.converged);
}

TEST(LogisticRegression, HasTheWeightsAndProbabilitiesOfScikitLearn) {
  const std::string path = GPTKIT_SOURCE_DIR "/tests/golden/baselines.json";
  const auto golden = parse_json(read_file(path), path);
  const auto train = golden.at("train").get<std::vector<std::string>>();
  const auto held_out = golden.at("held_out").get<std::vector<std::string>>();
  const std::vector<std::string_view> texts(train.begin(), train.end());
  for (const auto& model : golden.at("models")) {
    const bool words = model.at("unit") == "word";
    const Tfidf tfidf(texts, {.unit = words ? NGramUnit::kWord : NGramUnit::kCharacter,
                              .min_n = model.at("min_n"),
                              .max_n = model.at("max_n"),
                              .sublinear_tf = model.at("sublinear_tf"),
                              .min_texts = model.at("min_texts")});
    const auto want = model.at("coefficients").get<std::vector<std::vector<double>>>();
    ClassifiedRows data{{}, model.at("labels"), tfidf.n_columns(), want.size() == 1 ? 2 : 3};
    for (const auto text : texts) data.rows.push_back(tfidf.transform(text));
    LogisticRegressionOptions options{.c = model.at("c"), .tolerance = 1e-9};
    if (const auto& weights = model.at("class_weights"); !weights.is_null()) {
      options.class_weights = weights.get<std::vector<double>>();
    }
    const LogisticRegression regression(data, options);
    EXPECT_TRUE(regression.converged());

    // What float32 rows leave of the digits.
    const auto close = [](const std::vector<double>& wanted) {
      return Pointwise(DoubleNear(2e-6), wanted);
    };
    ASSERT_EQ(regression.n_outputs(), std::ssize(want));
    for (size_t o = 0; o < want.size(); ++o) {
      std::vector<double> got;
      for (size_t w = o; w < regression.coefficients().size(); w += want.size()) {
        got.push_back(regression.coefficients()[w]);
      }
      EXPECT_THAT(got, close(want[o]));
    }
    // Of three intercepts only the differences count: the sum is where the search began, 0, in
    // ours and in scikit-learn's.
    EXPECT_THAT(regression.intercepts(), close(model.at("intercepts").get<std::vector<double>>()));
    for (size_t i = 0; i < held_out.size(); ++i) {
      EXPECT_THAT(regression.probabilities(tfidf.transform(held_out[i])),
                  close(model.at("held_out_probabilities")[i].get<std::vector<double>>()));
    }
    for (size_t i = 0; i < train.size(); ++i) {
      EXPECT_THAT(regression.probabilities(data.rows[i]),
                  close(model.at("train_probabilities")[i].get<std::vector<double>>()));
    }
  }
}

TEST(LogisticRegression, AClassOfWeightTwoIsOneWhoseRowsOccurTwice) {
  const LogisticRegression weighted(points(), {.class_weights = {1, 2}, .tolerance = 1e-10});
  auto twice = points();
  for (const size_t i : {0, 1}) {
    twice.rows.push_back(twice.rows[i]);
    twice.labels.push_back(1);
  }
  const LogisticRegression doubled(twice, {.tolerance = 1e-10});
  EXPECT_THAT(weighted.coefficients(), Pointwise(DoubleNear(1e-8), doubled.coefficients()));
  EXPECT_THAT(weighted.intercepts(), Pointwise(DoubleNear(1e-8), doubled.intercepts()));
}

TEST(LogisticRegression, InterceptsAloneGiveTheClassesShares) {
  const ClassifiedRows empty{std::vector<SparseRow>(4), {0, 1, 2, 2}, 0, 3};
  const LogisticRegression regression(empty, {.tolerance = 1e-10});
  EXPECT_THAT(regression.probabilities({}),
              Pointwise(DoubleNear(1e-8), std::vector{0.25, 0.25, 0.5}));
}

TEST(LogisticRegression, TakesClassesWithoutRowsAndSeparableOnes) {
  auto data = points();
  data.n_classes = 4;
  const auto p = LogisticRegression(data).probabilities(dense({2, 0}));
  EXPECT_EQ(p.size(), 4u);
  EXPECT_NEAR(p[0] + p[1] + p[2] + p[3], 1, 1e-12);
  EXPECT_LT(p[2] + p[3], 1e-3);

  const LogisticRegression separated(points(), {.c = 1e6});
  EXPECT_GT(separated.probabilities(dense({2, 0}))[1], 0.999);
  const auto extreme = separated.probabilities(dense({1e30f, -1e30f}));
  EXPECT_TRUE(std::isfinite(extreme[0]) && std::isfinite(extreme[1]));
}

TEST(LogisticRegression, RefusesWhatCannotBeFitted) {
  const auto refused = [](auto&& change, const std::string& part) {
    expect_error(
        [&] {
          auto data = points();
          LogisticRegressionOptions options;
          change(data, options);
          LogisticRegression(data, options);
        },
        part);
  };
  refused([](auto& data, auto&) { data.n_classes = 1; }, "1 classes");
  refused([](auto& data, auto&) { data.labels[2] = 2; }, "row 2 has the class 2");
  refused([](auto& data, auto&) { data.labels.pop_back(); }, "5 rows with 4 labels");
  refused([](auto& data, auto&) { data.n_columns = 1; }, "row 0 has a column 1 of 1");
  refused([](auto&, auto& options) { options.c = 0; }, "c 0");
  refused([](auto&, auto& options) { options.class_weights = {1}; }, "1 class weights for 2");
  refused([](auto&, auto& options) { options.class_weights = {1, -1}; }, "none below 0");
  refused([](auto&, auto& options) { options.class_weights = {0, 0}; }, "not all rows");
}

}  // namespace
}  // namespace gptkit
