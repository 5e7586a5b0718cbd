#include "train/batch_tensors.h"

namespace gptkit {

torch::Tensor to_tensor(const std::vector<int64_t>& values, at::IntArrayRef shape,
                        torch::Device device) {
  const auto view = torch::from_blob(const_cast<int64_t*>(values.data()), shape, torch::kInt64);
  return device.is_cpu() ? view.clone() : view.to(device);
}

torch::Tensor packed(const std::vector<int64_t>& values, const Batch& batch,
                     const Packing& packing) {
  const auto device = packing.positions().device();
  return packing.unpad(to_tensor(values, {batch.rows, batch.columns}, device));
}

}  // namespace gptkit
