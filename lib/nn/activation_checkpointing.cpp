#include "nn/activation_checkpointing.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <mutex>
#include <utility>

namespace gptkit {

namespace {

using torch::Tensor;
using Layer = std::function<Tensor(const Tensor&)>;

at::Generator generator_of(torch::Device device) {
  return at::globalContext().defaultGenerator(device);
}

Tensor random_state(torch::Device device) {
  auto generator = generator_of(device);
  const std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_random_state(torch::Device device, const Tensor& state) {
  auto generator = generator_of(device);
  const std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

/// The layer and what it ran under.
struct Kept : torch::CustomClassHolder {
  Layer layer;
  Tensor random;
  bool autocast = false;
  torch::ScalarType type = torch::kFloat32;
};

/// Autocast as it was in the forward pass.
class AutocastAgain {
 public:
  AutocastAgain(torch::DeviceType device, const Kept& kept)
      : device_(device),
        on_(at::autocast::is_autocast_enabled(device)),
        type_(at::autocast::get_autocast_dtype(device)) {
    at::autocast::set_autocast_enabled(device, kept.autocast);
    at::autocast::set_autocast_dtype(device, kept.type);
    at::autocast::increment_nesting();
  }
  ~AutocastAgain() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, on_);
    at::autocast::set_autocast_dtype(device_, type_);
  }
  AutocastAgain(const AutocastAgain&) = delete;
  AutocastAgain& operator=(const AutocastAgain&) = delete;

 private:
  torch::DeviceType device_;
  bool on_;
  torch::ScalarType type_;
};

class CheckpointFunction : public torch::autograd::Function<CheckpointFunction> {
 public:
  /// `anchor` only makes the result require a gradient where x does not but the layer's parameters
  /// do.
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& /*anchor*/, const c10::intrusive_ptr<Kept>& kept) {
    context->saved_data["kept"] = c10::IValue::make_capsule(kept);
    context->save_for_backward({x});
    return kept->layer(x);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& outputs) {
    const auto kept =
        c10::static_intrusive_pointer_cast<Kept>(context->saved_data["kept"].toCapsule());
    const auto saved = context->get_saved_variables()[0];
    auto x = saved.detach().requires_grad_(context->needs_input_grad(0));
    const auto device = x.device();
    const auto now = random_state(device);
    set_random_state(device, kept->random);
    Tensor y;
    {
      const torch::AutoGradMode with_gradients(true);
      const AutocastAgain autocast(device.type(), *kept);
      y = kept->layer(x);
    }
    set_random_state(device, now);
    torch::autograd::backward({y}, {outputs[0]});
    return {x.grad(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor checkpointed(Layer layer, const Tensor& x) {
  if (!torch::GradMode::is_enabled()) return layer(x);
  const auto device = x.device();
  auto kept = c10::make_intrusive<Kept>();
  kept->layer = std::move(layer);
  kept->random = random_state(device);
  kept->autocast = at::autocast::is_autocast_enabled(device.type());
  kept->type = at::autocast::get_autocast_dtype(device.type());
  const auto anchor = torch::empty({0}, x.options().dtype(torch::kFloat32)).requires_grad_();
  return CheckpointFunction::apply(x, anchor, kept);
}

}  // namespace gptkit
