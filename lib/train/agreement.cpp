#include "train/agreement.h"

#include <array>
#include <csignal>

#include "base/config/config.h"
#include "base/files.h"
#include "base/stop.h"
#include "train/checkpoint.h"

namespace gptkit {

namespace {

std::string sizes_of(const torch::Tensor& tensor) {
  std::string text;
  for (const int64_t size : tensor.sizes()) text += concat(text.empty() ? "" : "x", size);
  return concat(text, " ", tensor.scalar_type());
}

}  // namespace

void require_same_run(World& world, const Training& training) {
  if (world.size() == 1) return;
  std::string text = concat("training data: ", training.data.fingerprint, ", ",
                            training.data.train->size(), " examples\n");
  auto copy = training.config;
  visit_fields(copy, [&](const std::string& key, auto& value, const auto&) {
    text += concat("train.", key, ": ", config_detail::scalar_to_yaml(value), "\n");
  });
  for (const auto& item : training.objective.model().named_parameters()) {
    text += concat(item.key(), ": ", sizes_of(item.value()),
                   item.value().requires_grad() ? "\n" : " frozen\n");
  }
  const auto generator = generator_state();
  const auto* bytes = reinterpret_cast<const char*>(generator.const_data_ptr<uint8_t>());
  text += concat("random generator: ",
                 sha256_hex({bytes, static_cast<size_t>(generator.numel())}).substr(0, 16),
                 " (the seed)\n");
  world.require_same("run", text);
}

int agreed_stop_signal(World& world) {
  if (world.size() == 1) return stop_signal();
  // The first signal that any rank received.
  constexpr std::array kSignals = {SIGTERM, SIGINT, SIGHUP, SIGXCPU};
  auto counts = torch::zeros({std::ssize(kSignals)}, torch::kInt64);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (stop_signal() == kSignals[i]) counts[static_cast<int64_t>(i)] = 1;
  }
  world.sum_(counts);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    if (counts[static_cast<int64_t>(i)].item<int64_t>() > 0) return kSignals[i];
  }
  return 0;
}

}  // namespace gptkit
