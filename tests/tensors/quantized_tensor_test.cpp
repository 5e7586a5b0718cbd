#include "tensors/quantized_tensor.h"

#include <memory>
#include <vector>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

TEST(QuantizedTensor, KeepsWhatItWasMadeOfToThePrecisionOfItsBlocks) {
  torch::manual_seed(1);
  const auto matrix = torch::randn({6, 64});
  const auto kept = quantize(DType::kQ8_0, matrix);
  EXPECT_EQ(kept.bytes().size(), 6U * 2 * 34);
  // Half a step of the largest value's 127, and the scale's own rounding to float16.
  EXPECT_LE((kept.dequantize() - matrix).abs().max().item<double>(),
            matrix.abs().max().item<double>() / 250);
}

TEST(QuantizedTensor, ASliceIsTheSameRowsAndKeepsTheBytesAlive) {
  torch::manual_seed(2);
  auto whole = std::make_unique<QuantizedTensor>(quantize(DType::kQ4_0, torch::randn({5, 32})));
  const auto want = whole->dequantize().slice(0, 1, 4);
  const auto slice = whole->slice(1, 3);
  whole.reset();
  EXPECT_TRUE(slice.dequantize().equal(want));
  expect_error([&] { slice.slice(2, 2); }, "rows 2 to 4 of a matrix with 3 rows");
}

TEST(QuantizedTensor, RefusesBytesThatAreNotItsBlocks) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(34);
  expect_error([&] { QuantizedTensor(DType::kFloat16, 1, 17, *bytes, bytes); },
               "a quantised matrix of float16");
  expect_error([&] { QuantizedTensor(DType::kQ8_0, 1, 31, *bytes, bytes); },
               "does not consist of q8_0's blocks of 32");
  expect_error([&] { QuantizedTensor(DType::kQ8_0, 2, 32, *bytes, bytes); },
               "34 bytes for a matrix of 2 x 32 elements of q8_0; expected 68");
}

}  // namespace
}  // namespace gptkit
