#pragma once
// What every public function that runs a model does around it.

#include <c10/util/Exception.h>
#include <torch/types.h>

#include "gptkit/inside/translate.h"
#include "gptkit/load_options.h"
#include "tensors/device.h"

namespace gptkit::api {

/// translated(), without gradients; LibTorch's own failures become runtime errors of one line.
template <class Body>
auto model_call(Body&& body) -> decltype(body()) {
  try {
    const torch::InferenceMode inference;
    return translated(std::forward<Body>(body));
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    throw Error(Error::Kind::kRuntime, message.substr(0, message.find('\n')));
  }
}

/// The device of the options, after setting the threads.
inline torch::Device device_of(const LoadOptions& options) {
  set_threads(options.threads);
  return resolve_device(options.device);
}

}  // namespace gptkit::api
