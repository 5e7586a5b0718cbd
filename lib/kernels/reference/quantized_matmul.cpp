#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <vector>

#include "kernels/reference/reference.h"

namespace gptkit::reference {

namespace {

using torch::Tensor;

constexpr int64_t kRowsAtOnce = 64;  // of the weight; their float32 values stay in the cache

/// Neither a graph nor casts for the ATen calls of a thread.
struct PlainCalls {
  at::AutoDispatchBelowADInplaceOrView no_graph;
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
};

/// Calls use(first row, float32 values (count,I)) for [begin, end), kRowsAtOnce at a time.
template <class Use>
void for_row_blocks(const QuantizedTensor& weight, int64_t begin, int64_t end, const Use& use) {
  const PlainCalls plain;
  auto room = at::empty({kRowsAtOnce, weight.columns()}, torch::kFloat32);
  for (int64_t row = begin; row < end; row += kRowsAtOnce) {
    const auto values = room.narrow(0, 0, std::min(kRowsAtOnce, end - row));
    weight.slice(row, values.size(0))
        .dequantize_into({values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel())});
    use(row, values);
  }
}

}  // namespace

Tensor quantized_matmul(const Tensor& x, const QuantizedTensor& weight) {
  const int64_t O = weight.rows();
  auto y = at::empty({x.size(0), O}, x.options());
  const int64_t blocks = (O + kRowsAtOnce - 1) / kRowsAtOnce;
  at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    for_row_blocks(weight, begin * kRowsAtOnce, std::min(O, end * kRowsAtOnce),
                   [&](int64_t row, const Tensor& values) {
                     y.narrow(1, row, values.size(0)).copy_(at::mm(x, values.t()));
                   });
  });
  return y;
}

Tensor quantized_matmul_backward(const Tensor& dy, const QuantizedTensor& weight) {
  auto dx = at::zeros({dy.size(0), weight.columns()}, dy.options());
  for_row_blocks(weight, 0, weight.rows(), [&](int64_t row, const Tensor& values) {
    dx.addmm_(dy.narrow(1, row, values.size(0)), values);
  });
  return dx;
}

}  // namespace gptkit::reference
