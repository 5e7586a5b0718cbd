#include "tensors/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include <charconv>

#include "base/error.h"
#include "base/parallel.h"

namespace gptkit {

torch::Device resolve_device(const std::string& name) {
  const bool has_cuda = at::hasCUDA();
  if (name == "auto") return has_cuda ? torch::Device("cuda") : torch::Device("cpu");
  if (name == "cpu") return torch::Device("cpu");
  int index = 0;
  const bool bare = name == "cuda";
  if (!bare) {
    const char* end = name.data() + name.size();
    const bool numbered = name.starts_with("cuda:") && name.size() > 5;
    const auto [stop, error] = std::from_chars(name.data() + (numbered ? 5 : 0), end, index);
    require(numbered && error == std::errc() && stop == end && index >= 0, "unknown device '", name,
            "'; expected auto, cpu, cuda or cuda:N");
  }
  require(has_cuda, "device '", name, "': this LibTorch sees no CUDA device; use ", Key{"device"},
          " cpu, or install the CUDA build "
          "(third_party/setup.sh --cuda) and a driver");
  const auto count = at::detail::getCUDAHooks().deviceCount();
  require(index < count, "device '", name, "': this machine has ", static_cast<int>(count),
          " CUDA device(s), numbered from 0");
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
}

void set_threads(int threads) {
  const int wanted = threads > 0 ? threads : physical_cores();
  // OpenMP ends the process if it cannot start its threads.
  const int possible = startable_threads(wanted);
  if (possible < wanted) {
    fail_runtime("only ", possible, " of ", wanted, " threads can be started here; give ",
                 Key{"threads"}, " ", possible,
                 ", or raise the limit (ulimit -u, a container's limit, memory)");
  }
  at::set_num_threads(wanted);
}

}  // namespace gptkit
