#include "kernels/quantized_matmul.h"

#include <torch/csrc/autograd/custom_function.h>

#include <utility>

#include "base/error.h"
#include "kernels/reference/reference.h"

namespace gptkit {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// What a node's context can keep.
struct KeptWeight : torch::CustomClassHolder {
  explicit KeptWeight(QuantizedTensor matrix) : weight(std::move(matrix)) {}
  QuantizedTensor weight;
};

/// (...,F) -> contiguous float32 (N,F)
Tensor rows_in_float32(const Tensor& x) {
  return x.reshape({-1, x.size(-1)}).to(torch::kFloat32).contiguous();
}

/// The result (N,F) as (...,F) in the dtype of `like` (...,any).
Tensor shaped_like(const Tensor& rows, const Tensor& like) {
  auto shape = like.sizes().vec();
  shape.back() = rows.size(1);
  return rows.view(shape).to(like.scalar_type());
}

class QuantizedMatmulFunction : public torch::autograd::Function<QuantizedMatmulFunction> {
 public:
  static Tensor forward(AutogradContext* context, const Tensor& x,
                        const c10::intrusive_ptr<KeptWeight>& kept) {
    context->saved_data["weight"] = c10::IValue::make_capsule(kept);
    return shaped_like(reference::quantized_matmul(rows_in_float32(x), kept->weight), x);
  }

  static tensor_list backward(AutogradContext* context, const tensor_list& outputs) {
    const auto kept =
        c10::static_intrusive_pointer_cast<KeptWeight>(context->saved_data["weight"].toCapsule());
    const auto& dy = outputs[0];
    return {
        shaped_like(reference::quantized_matmul_backward(rows_in_float32(dy), kept->weight), dy),
        Tensor()};
  }
};

}  // namespace

Tensor quantized_matmul(const Tensor& x, const QuantizedTensor& weight) {
  require(x.is_cpu(), "quantised weights are multiplied on the CPU only, found an input on ",
          x.device(), "; load the model in float32 for this device");
  require(x.dim() >= 1 && x.size(-1) == weight.columns(), "an input of shape ", x.sizes(),
          " does not fit a quantised weight of ", weight.rows(), " x ", weight.columns());
  return QuantizedMatmulFunction::apply(x, c10::make_intrusive<KeptWeight>(weight));
}

}  // namespace gptkit
