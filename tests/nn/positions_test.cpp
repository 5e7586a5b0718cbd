#include "nn/positions.h"

#include <cmath>

#include "nn_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::close;
using test::expect_error;

TEST(RotaryPositions, FrequenciesAreThePapers) {
  const auto frequencies = rotary_frequencies({.d_head = 8, .theta = 100});
  ASSERT_EQ(frequencies.size(0), 4);
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(frequencies[i].item<double>(), std::pow(100, -2.0 * static_cast<double>(i) / 8),
                1e-6);
  }
}

/// Llama 3's: wavelengths of less than original / high_frequency tokens stay.
TEST(RotaryPositions, ScalingStretchesTheLongWavelengthsAlone) {
  const RotaryOptions plain{.d_head = 32};
  auto scaled = plain;
  scaled.factor = 8;
  scaled.original_context = 256;
  const auto ratio = rotary_frequencies(plain) / rotary_frequencies(scaled);
  EXPECT_NEAR(ratio[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(ratio[15].item<double>(), 8, 1e-5);
  EXPECT_TRUE((ratio.diff() >= -1e-6).all().item<bool>()) << "grows with the wavelength";
}

TEST(RotaryPositions, AProductDependsOnTheDistanceAlone) {
  torch::manual_seed(1);
  RotaryTable table({.d_head = 8});
  const auto q = torch::randn({1, 8}), k = torch::randn({1, 8});
  const auto product = [&](int64_t at_q, int64_t at_k) {
    return rotate(q, table.at(at_q, 1, q)).mul(rotate(k, table.at(at_k, 1, k))).sum();
  };
  EXPECT_TRUE(close(product(5, 2), product(103, 100)));
  EXPECT_FALSE(close(product(5, 2), product(5, 3)));
  EXPECT_TRUE(close(rotate(q, table.at(77, 1, q)).norm(), q.norm()));
}

TEST(RotaryPositions, ATableGivesTheSameBitsWhateverWasAskedBefore) {
  RotaryTable grown({.d_head = 8}), fresh({.d_head = 8});
  const auto like = torch::zeros({1});
  grown.at(0, 3, like);
  grown.at(250, 10, like);
  const auto part = grown.at(1000, 7, like), whole = fresh.at(0, 1007, like);
  EXPECT_TRUE(part.cos.equal(whole.cos.slice(0, 1000)));
  EXPECT_TRUE(part.sin.equal(whole.sin.slice(0, 1000)));
}

TEST(SinusoidalPositions, SinesComeFirstAndCosinesBehind) {
  const auto table = sinusoidal_positions(torch::tensor({0, 3}), 4);
  EXPECT_TRUE(table[0].equal(torch::tensor({0.0F, 0.0F, 1.0F, 1.0F})));
  const auto want =
      torch::tensor({std::sin(3.0F), std::sin(0.03F), std::cos(3.0F), std::cos(0.03F)});
  EXPECT_TRUE(close(table[1], want));
}

TEST(Positions, RefuseAnOddWidth) {
  expect_error([] { rotary_frequencies({.d_head = 7}); }, "rotary positions of heads of 7");
  expect_error([] { sinusoidal_positions(torch::tensor({0}), 5); },
               "sinusoidal positions of width 5");
}

}  // namespace
}  // namespace gptkit
