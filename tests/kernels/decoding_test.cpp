// The steps of decoding beside the matrix multiplication, at every level.

#include "kernels/decoding.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using Floats = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Decoding : public test::LevelTest {
 protected:
  const DecodingKernels& run() const { return *kernels().decoding; }
};
GPTKIT_EACH_LEVEL(Decoding);

Floats random_floats(int64_t count, double scale = 1) {
  const auto values = torch::randn({count}) * scale;
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + count};
}

struct Rounded {
  std::vector<int8_t> q;
  Floats scale;
  std::vector<int32_t> sum;
  std::vector<int8_t> fine = std::vector<int8_t>(q.size());
  std::vector<int32_t> fine_sum = std::vector<int32_t>(sum.size());
};

/// One row, whose width is a multiple of 32.
Rounded quantized(const DecodingKernels& kernels, const Floats& x) {
  Rounded r{std::vector<int8_t>(x.size()), Floats(x.size() / 32),
            std::vector<int32_t>(x.size() / 16)};
  const auto width = std::ssize(x);
  kernels.quantize({x.data(), 1, width, width, r.q.data(), r.scale.data(), r.sum.data(),
                    r.fine.data(), r.fine_sum.data()});
  return r;
}

TEST_P(Decoding, QuantisesToTheNearestOf127Steps) {
  const auto x = random_floats(320, 3);
  const auto r = quantized(run(), x);
  for (size_t step = 0; step < 10; ++step) {
    float most = 0;
    for (size_t i = 0; i < 32; ++i) most = std::max(most, std::abs(x[32 * step + i]));
    EXPECT_EQ(r.scale[step], most / 127);
    for (size_t half = 0; half < 2; ++half) {
      int32_t sum = 0, fine_sum = 0;
      for (size_t i = 0; i < 16; ++i) {
        const size_t at = 32 * step + 16 * half + i;
        EXPECT_NEAR(r.q[at], x[at] / r.scale[step], 0.5001);
        EXPECT_NEAR(r.q[at] + r.fine[at] / 254.0, x[at] / r.scale[step], 0.0021);
        sum += r.q[at];
        fine_sum += r.fine[at];
      }
      EXPECT_EQ(r.sum[2 * step + half], sum);
      EXPECT_EQ(r.fine_sum[2 * step + half], fine_sum);
    }
  }
}

TEST_P(Decoding, QuantisesRowByRowWithAStride) {
  const int64_t width = 64, stride = 128;
  const auto x = random_floats(3 * stride);
  std::vector<int8_t> q(x.size(), 77);
  Floats scale(x.size() / 32, -1);
  std::vector<int32_t> sum(x.size() / 16, -1);
  std::vector<int8_t> fine(x.size());
  std::vector<int32_t> fine_sum(sum.size());
  run().quantize({x.data(), 3, width, stride, q.data(), scale.data(), sum.data(), fine.data(),
                  fine_sum.data()});
  for (int64_t row = 0; row < 3; ++row) {
    const auto at = row * stride;
    const auto alone = quantized(run(), Floats(x.begin() + at, x.begin() + at + width));
    EXPECT_TRUE(std::equal(alone.q.begin(), alone.q.end(), q.begin() + at));
    EXPECT_TRUE(std::equal(alone.scale.begin(), alone.scale.end(), scale.begin() + at / 32));
    EXPECT_TRUE(std::equal(alone.sum.begin(), alone.sum.end(), sum.begin() + at / 16));
    EXPECT_EQ(q[static_cast<size_t>(at + width)], 77) << "behind the width";
    EXPECT_EQ(scale[static_cast<size_t>((at + width) / 32)], -1);
  }
}

TEST_P(Decoding, NothingAndAlmostNothingBecomeZero) {
  for (const float tiny : {0.0F, -0.0F, 1e-45F, 1e-40F, -1e-38F}) {
    Floats x(32, 0);
    x[3] = x[20] = tiny;
    const auto r = quantized(run(), x);
    EXPECT_THAT(r.q, testing::Each(0)) << tiny;
    EXPECT_THAT(r.sum, testing::Each(0)) << tiny;
    EXPECT_TRUE(std::isfinite(r.scale[0]));
  }
}

TEST_P(Decoding, AnInputThatIsNotFiniteDoesNotVanishInRounding) {
  for (const float bad : {std::nanf(""), kInfinity, -kInfinity}) {
    for (const size_t at : {0U, 5U, 31U, 40U, 63U}) {
      auto x = random_floats(64);
      x[at] = bad;
      const auto r = quantized(run(), x);
      EXPECT_TRUE(std::any_of(r.scale.begin(), r.scale.end(),
                              [](float scale) { return !std::isfinite(scale); }))
          << bad << " at " << at;
    }
  }
}

/// Rows of `width` elements behind each other; NaN between them, so that a reader is noticed.
struct PaddedRows {
  int64_t count, width, stride;
  Floats x;

  PaddedRows(int64_t n, int64_t w, int64_t s)
      : count(n), width(w), stride(s), x(static_cast<size_t>(n * s), std::nanf("")) {}
  float& at(int64_t row, int64_t column) { return x[static_cast<size_t>(row * stride + column)]; }
};

PaddedRows random_rows(int64_t count, int64_t width, int64_t stride) {
  PaddedRows rows(count, width, stride);
  for (int64_t n = 0; n < count; ++n) {
    const auto values = random_floats(width, 2);
    std::copy(values.begin(), values.end(), rows.x.begin() + n * stride);
  }
  return rows;
}

TEST_P(Decoding, NormsAreThoseOfTheMathematics) {
  for (const int64_t width : {5, 16, 37, 64}) {
    for (const bool layer : {true, false}) {
      auto in = random_rows(3, width, 80);
      auto out = PaddedRows(3, width, 80);
      const auto weight = random_floats(width), bias = random_floats(width);
      NormTask task{in.x.data(), 3, width, 80, weight.data(), layer ? bias.data() : nullptr, 1e-5,
                    out.x.data()};
      run().norm(task);
      for (int64_t n = 0; n < 3; ++n) {
        double mean = 0, variance = 0;
        for (int64_t k = 0; k < width; ++k) mean += in.at(n, k) / double(width);
        if (!layer) mean = 0;
        for (int64_t k = 0; k < width; ++k) {
          variance += std::pow(in.at(n, k) - mean, 2) / double(width);
        }
        for (int64_t k = 0; k < width; ++k) {
          const auto i = static_cast<size_t>(k);
          const double want =
              (in.at(n, k) - mean) / std::sqrt(variance + 1e-5) * weight[i] + (layer ? bias[i] : 0);
          EXPECT_NEAR(out.at(n, k), want, 1e-5) << width;
        }
        EXPECT_TRUE(std::isnan(out.at(n, width))) << "behind the width";
      }
      task.out = in.x.data();
      task.x = in.x.data();
      run().norm(task);
      EXPECT_TRUE(std::equal(in.x.begin(), in.x.begin() + width, out.x.begin())) << "in place";
    }
  }
}

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
double silu(double x) { return x / (1 + std::exp(-x)); }

/// From tiny to where everything is saturated.
Floats activation_inputs() {
  Floats x = {0, -0.0F, 1e-30F, 1e4F, -1e4F, 88.5F, -88.5F, 1e20F, -1e20F};
  for (float v = -20; v <= 20; v += 0.37F) x.push_back(v);
  return x;
}

TEST_P(Decoding, GeluIsThatOfTheMathematics) {
  const auto x = activation_inputs();
  const auto width = std::ssize(x);
  Floats out(x.size() + 1, -7);
  run().gelu({x.data(), out.data(), 1, width, width, width});
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = x[i] < -1e3F ? 0 : gelu(x[i]);
    EXPECT_NEAR(out[i], want, 2e-6 * std::max(1.0, std::abs(want))) << x[i];
  }
  EXPECT_EQ(out.back(), -7) << "behind the width";
}

TEST_P(Decoding, SwigluIsThatOfTheMathematics) {
  const int64_t width = 21, stride = 64, up = 24;
  const auto values = random_floats(2 * stride, 4);
  Floats out(2 * 32, -7);
  run().swiglu({values.data(), out.data(), 2, width, stride, 32, up});
  for (int64_t n = 0; n < 2; ++n) {
    for (int64_t k = 0; k < width; ++k) {
      const float gate = values[static_cast<size_t>(n * stride + k)];
      const double want = silu(gate) * values[static_cast<size_t>(n * stride + up + k)];
      EXPECT_NEAR(out[static_cast<size_t>(n * 32 + k)], want, 5e-6 * std::max(1.0, std::abs(want)));
    }
    EXPECT_EQ(out[static_cast<size_t>(n * 32 + width)], -7) << "behind the width";
  }
}

TEST_P(Decoding, ArgmaxIsTheFirstOfTheLargest) {
  for (const int64_t count : {1, 15, 16, 17, 100}) {
    const auto values = random_floats(count);
    const auto want = std::max_element(values.begin(), values.end()) - values.begin();
    EXPECT_EQ(run().argmax(values.data(), count), want);
    for (const float level : {0.0F, -3e38F, 3e38F}) {
      Floats flat(static_cast<size_t>(count), level);
      EXPECT_EQ(run().argmax(flat.data(), count), 0) << level << ", " << count;
      if (count < 3) continue;
      flat[2] = flat.back() = std::nextafter(level, kInfinity);
      EXPECT_EQ(run().argmax(flat.data(), count), 2) << level << ", " << count;
    }
  }
}

TEST_P(Decoding, ArgmaxTellsValuesThatAreNotFinite) {
  for (const float bad : {std::nanf(""), kInfinity, -kInfinity}) {
    for (const size_t at : {0U, 7U, 16U, 20U}) {
      auto values = random_floats(21);
      values[at] = bad;
      EXPECT_EQ(run().argmax(values.data(), 21), -1) << bad << " at " << at;
    }
  }
}

}  // namespace
}  // namespace gptkit
