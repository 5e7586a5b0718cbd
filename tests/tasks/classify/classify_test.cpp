#include "tasks/classify/classify.h"

#include <algorithm>
#include <cmath>

#include "kernels/dispatch.h"
#include "support/support.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::tiny_classifier;
using test::TinyClassifierOptions;

const std::vector<std::string> kTexts = {"Win a prize now",
                                         "ok",
                                         "",
                                         "See you at eight, ok?",
                                         "a text that is cut at its end",
                                         "x",
                                         "WIN",
                                         "x"};

double distance(const Prediction& a, const Prediction& b) {
  double most = 0;
  for (size_t c = 0; c < a.probabilities.size(); ++c) {
    most = std::max(most, std::abs(a.probabilities[c] - b.probabilities[c]));
  }
  return most;
}

struct Kind {
  Pooling pooling;
  bool causal;
};
class Classify : public testing::TestWithParam<Kind> {
 protected:
  TextClassifier model_ =
      tiny_classifier({.pooling = GetParam().pooling, .causal = GetParam().causal});
};
INSTANTIATE_TEST_SUITE_P(Poolings, Classify,
                         testing::Values(Kind{Pooling::kLastToken, true},
                                         Kind{Pooling::kLastPosition, true},
                                         Kind{Pooling::kMean, true}, Kind{Pooling::kMean, false}),
                         [](const auto& instance) {
                           const auto& kind = instance.param;
                           const std::string pooling =
                               kind.pooling == Pooling::kLastToken      ? "LastToken"
                               : kind.pooling == Pooling::kLastPosition ? "LastPosition"
                                                                        : "Mean";
                           return pooling + (kind.causal ? "" : "NotCausal");
                         });

// Not to the bit: a matrix product adds up in an order that depends on the number of rows, and so
// on the batch mates. Within a batch of the same shape nothing depends on the mates' content.
constexpr double kSame = 1e-6;

TEST_P(Classify, APredictionDependsNeitherOnItsBatchNorOnTheOrder) {
  const auto alone = classify(model_, kTexts, {.batch_size = 1});
  for (const int64_t batch_size : {2, 3, 64}) {
    const auto together = classify(model_, kTexts, {.batch_size = batch_size});
    for (size_t i = 0; i < kTexts.size(); ++i) {
      EXPECT_LT(distance(alone[i], together[i]), kSame) << kTexts[i] << ", " << batch_size;
    }
  }
  auto backwards = kTexts;
  std::reverse(backwards.begin(), backwards.end());
  const auto other = classify(model_, backwards, {.batch_size = 3});
  for (size_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_LT(distance(alone[i], other[kTexts.size() - 1 - i]), kSame) << kTexts[i];
  }
}

TEST_P(Classify, BatchMatesOfTheSameShapeChangeNotABit) {
  const auto first = classify(model_, {"win a prize", "see you soon"}, {.batch_size = 2});
  const auto second = classify(model_, {"win a prize", "SEE YOU LATE"}, {.batch_size = 2});
  EXPECT_EQ(first[0].probabilities, second[0].probabilities);
}

void expect_no_bit_depends_on_the_batch(const TinyClassifierOptions& options) {
  SCOPED_TRACE(testing::Message() << "d_model " << options.d_model << ", family " << options.family
                                  << ", causal " << options.causal);
  const auto model = tiny_classifier(options);
  auto texts = kTexts;
  const auto half = [&](int64_t batch_size) {
    return classify(model, texts, {.batch_size = batch_size, .precision = Precision::kBFloat16});
  };
  const auto together = half(64), alone = half(1);
  std::reverse(texts.begin(), texts.end());
  const auto backwards = half(3);
  const auto exact = classify(model, kTexts);
  for (size_t i = 0; i < kTexts.size(); ++i) {
    EXPECT_EQ(together[i].probabilities, alone[i].probabilities) << kTexts[i];
    EXPECT_EQ(together[i].probabilities, backwards[kTexts.size() - 1 - i].probabilities);
    EXPECT_LT(distance(together[i], exact[i]), 0.02);
    EXPECT_NE(together[i].probabilities, exact[i].probabilities) << "it was not in bfloat16";
  }
}

TEST(ClassifyInBfloat16, NotABitDependsOnTheBatchOrTheOrderWhateverTheHeads) {
  if (!has_bfloat16_matmul()) GTEST_SKIP() << "no bfloat16 kernels at this level";
  for (const auto family : {"gpt2", "llama"}) {
    for (const auto pooling : {Pooling::kLastToken, Pooling::kMean}) {
      for (const bool causal : {true, false}) {
        // Two heads: of 8 to 128, and of sizes that no vector has.
        for (const int64_t d_model : {16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208,
                                      224, 240, 256, 12, 20, 44}) {
          if (!causal && d_model % 48 != 0) continue;
          if (pooling == Pooling::kMean && d_model % 32 != 0) continue;
          expect_no_bit_depends_on_the_batch(
              {.pooling = pooling, .causal = causal, .family = family, .d_model = d_model});
        }
      }
    }
  }
}

TEST_P(Classify, ProbabilitiesAreOfEveryClassAndTheLabelHasTheGreatest) {
  for (const auto& prediction : classify(model_, kTexts)) {
    double sum = 0;
    for (const double p : prediction.probabilities) sum += p;
    EXPECT_NEAR(sum, 1, 1e-12);
    EXPECT_EQ(prediction.probability,
              *std::max_element(prediction.probabilities.begin(), prediction.probabilities.end()));
  }
}

TEST(ClassifyTexts, WhatIsCutIsToldAndTheCutTextIsClassified) {
  auto model = tiny_classifier({.max_tokens = 5});
  const auto predictions = classify(model, {"abcdefgh", "abcde", ""});
  EXPECT_TRUE(predictions[0].truncated);
  EXPECT_FALSE(predictions[1].truncated);
  EXPECT_LT(distance(predictions[0], predictions[1]), kSame);
  model.truncate = Truncate::kLeft;
  const auto left = classify(model, {"abcdefgh", "defgh"});
  EXPECT_LT(distance(left[0], left[1]), kSame);
  model.truncate = Truncate::kRefuse;
  expect_error([&] { classify(model, {"abc", "abcdefgh"}); }, "text 1 has 8 tokens");
}

TEST(ClassifyTexts, NoTextsAndNoBatchSizeAreHandled) {
  const auto model = tiny_classifier();
  EXPECT_TRUE(classify(model, {}).empty());
  expect_error([&] { classify(model, {"a"}, {.batch_size = 0}); },
               "`batch_size`: 0 is out of range");
}

TEST(Classify, RefusesAModelWhoseResultsOverflow) {
  auto model = tiny_classifier();
  model.where = "a/model";
  {
    torch::NoGradGuard no_grad;
    auto weight = model.classifier->gpt()->block(0)->mlp()->up()->weight;
    weight.div_(weight.abs().max()).mul_(3e38);  // finite; its products are not
  }
  for (const auto precision : {Precision::kFloat32, Precision::kBFloat16}) {
    expect_error([&] { classify(model, kTexts, {.precision = precision}); },
                 "a/model: its results are NaN or infinite");
  }
}

}  // namespace
}  // namespace gptkit
