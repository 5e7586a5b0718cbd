#include "train/guard.h"

#include <ATen/record_function.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "base/error.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

/// NaN or +inf anywhere.
bool is_broken(const torch::Tensor& tensor) {
  if (!tensor.defined() || !tensor.is_floating_point() || tensor.numel() == 0) return false;
  // The maximum suffices: it is NaN if any element is NaN, and +inf if any element is +inf.
  const auto highest = tensor.max().item<double>();
  return std::isnan(highest) || highest == std::numeric_limits<double>::infinity();
}

/// The operators of one forward pass, as they start and end.
class Watch {
 public:
  explicit Watch(const torch::nn::Module& module) {
    for (const auto& parameter : module.named_parameters()) {
      const auto& name = parameter.key();  // "blocks.1.mlp.up.weight", of layer "blocks.1.mlp.up"
      layers_[parameter.value().storage().data()] = name.substr(0, name.rfind('.'));
    }
    current_ = this;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end)
                                             .needsInputs(true)
                                             .needsOutputs(true)
                                             .scopes({at::RecordScope::FUNCTION}));
  }
  ~Watch() {
    at::removeCallback(handle_);
    current_ = nullptr;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// An operator whose inputs were all finite is the more likely cause.
  const std::string& found() const { return origin_.empty() ? first_ : origin_; }

 private:
  struct Seen : at::ObserverContext {
    bool sound = true;
  };

  template <class Visit>
  static void each_tensor(const c10::IValue& value, Visit&& visit) {
    if (value.isTensor()) visit(value.toTensor());
    if (value.isTensorList()) {
      for (const torch::Tensor& tensor : value.toTensorVector()) visit(tensor);
    }
  }

  /// Allocates uninitialised memory, or makes a view.
  static bool computes_nothing(const std::string& name) {
    static const std::set<std::string> kViews = {
        "alias",   "as_strided", "chunk",        "detach",      "expand",    "narrow",
        "permute", "reshape",    "resolve_conj", "resolve_neg", "select",    "slice",
        "split",   "squeeze",    "transpose",    "t",           "unsqueeze", "view"};
    return name.find("empty") != std::string::npos || name.starts_with("aten::resize") ||
           (name.starts_with("aten::") && kViews.contains(name.substr(6)));
  }

  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
    const at::DisableRecordFunctionGuard own_operators;
    const torch::NoGradGuard no_grad;
    auto seen = std::make_unique<Seen>();
    for (const auto& input : call.inputs()) {
      each_tensor(input, [&](const torch::Tensor& tensor) {
        if (!tensor.defined() || !tensor.has_storage()) return;
        const auto layer = current_->layers_.find(tensor.storage().data());
        if (layer != current_->layers_.end()) current_->layer_ = layer->second;
        seen->sound = seen->sound && !is_broken(tensor);
      });
    }
    return seen;
  }

  static void end(const at::RecordFunction& call, at::ObserverContext* context) {
    const at::DisableRecordFunctionGuard own_operators;
    const torch::NoGradGuard no_grad;
    const std::string name = call.name();
    if (computes_nothing(name)) return;
    for (const auto& output : call.outputs()) {
      each_tensor(output, [&](const torch::Tensor& tensor) {
        if (!is_broken(tensor)) return;
        current_->note(name, static_cast<const Seen*>(context)->sound);
      });
    }
  }

  void note(const std::string& name, bool sound) {
    const auto text = layer_.empty() ? name : concat(name, " at '", layer_, "'");
    if (first_.empty()) first_ = text;
    if (origin_.empty() && sound) origin_ = text;
  }

  static inline thread_local Watch* current_ = nullptr;
  at::CallbackHandle handle_;
  std::map<const void*, std::string> layers_;
  std::string layer_, first_, origin_;
};

}  // namespace

std::string to_text(const StepPlace& place) {
  std::string numbers;
  const size_t shown = std::min<size_t>(place.examples.size(), 8);
  for (size_t i = 0; i < shown; ++i) {
    numbers += concat(i == 0 ? "" : ", ", place.examples[i]);
  }
  if (shown < place.examples.size()) numbers += concat(" ... ", place.examples.size(), " in all");
  return concat("step ", place.step, " (epoch ", place.epoch, ", batch ", place.batch,
                numbers.empty() ? "" : ", examples ", numbers, ")");
}

void remember_loss(RecentLosses& losses, double loss) {
  losses.push_back(loss);
  if (losses.size() > kSpikeWindow) losses.erase(losses.begin());
}

double spike_limit(const RecentLosses& losses, double factor) {
  if (factor == 0 || losses.size() < kSpikeLeast) return std::numeric_limits<double>::infinity();
  auto sorted = losses;
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return factor * std::max(1.0, *middle);
}

std::string first_weight_not_finite(const torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    if (!all_finite(item.value())) return item.key();
  }
  return "";
}

std::string first_result_not_finite(const torch::nn::Module& module,
                                    const std::function<void()>& forward) {
  const Watch watch(module);
  forward();
  return watch.found();
}

std::string gradients_not_finite(const AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  std::vector<std::string> bad;
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    if (!all_finite(optimizer.parameters()[i].grad())) bad.push_back(optimizer.names()[i]);
  }
  if (bad.empty()) return "";
  const size_t others = bad.size() - 1;
  return concat("'", bad.back(), "'", others > 0 ? concat(" (and of ", others, " more)") : "");
}

std::string largest_gradient(const AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  std::pair<double, std::string> largest{-1, ""};
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const auto& gradient = optimizer.parameters()[i].grad();
    if (!gradient.defined()) continue;
    const double norm = at::linalg_vector_norm(gradient).item<double>();
    if (norm > largest.first) largest = {norm, optimizer.names()[i]};
  }
  return concat("'", largest.second, "' (norm ", largest.first, ")");
}

}  // namespace gptkit
