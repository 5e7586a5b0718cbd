#include "kernels/cross_entropy.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "kernels/dispatch.h"
#include "kernels/matmul.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

using torch::Tensor;

constexpr int64_t kDefaultChunkBytes = int64_t{64} << 20;

/// The dtype of the matrix multiplications: autocast's where it is on.
torch::ScalarType product_type(const Tensor& hidden) {
  const auto device = hidden.device().type();
  return at::autocast::is_autocast_enabled(device) ? at::autocast::get_autocast_dtype(device)
                                                   : hidden.scalar_type();
}

void check_targets(const Tensor& targets, int64_t ignored, int64_t V) {
  if (!targets.is_cpu()) return;  // a device's kernels check their own
  const auto* begin = targets.const_data_ptr<int64_t>();
  const auto* bad = std::find_if(begin, begin + targets.numel(), [&](int64_t target) {
    return target != ignored && (target < 0 || target >= V);
  });
  require(bad == begin + targets.numel(), "target ", bad == begin + targets.numel() ? 0 : *bad,
          " is outside the vocabulary of ", V, " tokens");
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& hidden,
                        const Tensor& weight, const Tensor& targets, int64_t ignored, double terms,
                        int64_t chunk_bytes, bool gradients) {
    const int64_t N = hidden.size(0), C = hidden.size(1), V = weight.size(0);
    const auto type = product_type(hidden);
    const bool fused = type == torch::kBFloat16 && hidden.is_cpu() && kernels().cross_entropy &&
                       C % kMatmulStep == 0 && weight.scalar_type() == torch::kFloat32;
    const auto h = hidden.to(type).contiguous();
    const auto w = fused ? weight.contiguous() : weight.to(type);
    const bool dhidden = gradients && hidden.requires_grad();
    const bool dweight = gradients && weight.requires_grad();
    const auto dh = dhidden ? at::empty({N, C}, hidden.options()) : Tensor();
    const auto dw = dweight ? at::empty({V, C}, weight.options()) : Tensor();
    if (terms == 0) terms = targets.ne(ignored).sum().item<double>();

    const int64_t most =
        std::max<int64_t>(1, chunk_bytes / (V * (fused ? 2 : 4)));  // rows a chunk may have
    const int64_t chunks = (N + most - 1) / most, rows = (N + chunks - 1) / chunks;
    // Divided by the terms, most of a softmax would be zero in float16. There the results of the
    // multiplications are divided, in float32.
    const bool divide_last = type == torch::kFloat16;
    double loss = 0;
    Tensor device_loss;
    for (int64_t begin = 0; begin < N; begin += rows) {
      const int64_t end = std::min(N, begin + rows);
      const CrossEntropyChunk chunk{h.slice(0, begin, end),
                                    targets.slice(0, begin, end),
                                    ignored,
                                    divide_last ? 1 : 1 / terms,
                                    dhidden ? dh.slice(0, begin, end) : Tensor(),
                                    dw,
                                    begin == 0};
      if (fused) {
        loss += kernels().cross_entropy.run(chunk, w);
      } else {
        const auto sum = reference::cross_entropy_chunk(chunk, w);
        device_loss = device_loss.defined() ? device_loss + sum : sum;
      }
    }
    if (divide_last && dhidden) dh.div_(terms);
    if (divide_last && dweight) dw.div_(terms);
    context->save_for_backward({dh, dw, weight});
    const auto options = hidden.options().dtype(torch::kFloat32);
    if (fused) return torch::full({}, loss / terms, options);
    return (device_loss / terms).to(options);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto saved = context->get_saved_variables();
    auto dh = saved[0], dw = saved[1];
    // A step's loss is divided by its terms already, so this is 1 but for a scaled loss.
    const auto& scale = outputs[0];
    const bool plain = scale.is_cpu() && scale.item<double>() == 1.0;
    if (dh.defined() && !plain) dh = dh * scale;
    if (dw.defined() && !plain) dw = dw * scale;
    torch::autograd::tensor_list result(7);
    result[0] = dh;
    const auto& weight = saved[2];
    if (dw.defined() && weight.is_leaf() && !weight.grad().defined()) {
      weight.mutable_grad() = dw;  // autograd would copy it: the context still holds it
    } else if (dw.defined() && weight.is_leaf()) {
      weight.mutable_grad().add_(dw);
    } else {
      result[1] = dw;
    }
    return result;
  }
};

}  // namespace

Tensor linear_cross_entropy(const Tensor& hidden, const Tensor& weight, const Tensor& targets,
                            const CrossEntropyOptions& options) {
  require(hidden.dim() == 2 && weight.dim() == 2 && hidden.size(1) == weight.size(1) &&
              targets.dim() == 1 && targets.size(0) == hidden.size(0) && hidden.size(0) > 0,
          "linear_cross_entropy: hidden ", hidden.sizes(), ", weight ", weight.sizes(),
          " and targets ", targets.sizes(), " do not belong together");
  check_targets(targets, options.ignored, weight.size(0));
  return LinearCrossEntropy::apply(
      hidden, weight, targets, options.ignored, options.terms,
      options.chunk_bytes > 0 ? options.chunk_bytes : kDefaultChunkBytes,
      torch::GradMode::is_enabled() && (hidden.requires_grad() || weight.requires_grad()));
}

}  // namespace gptkit
