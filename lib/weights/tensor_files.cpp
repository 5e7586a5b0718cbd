#include "weights/tensor_files.h"

#include <cstring>

#include "base/error.h"
#include "base/quantization.h"
#include "formats/safetensors.h"

namespace gptkit {

namespace {

/// A tensor of a file: a view of the mapped bytes, or a decoded copy if they are quantised or not
/// aligned.
torch::Tensor load(const std::shared_ptr<const WeightFile>& file, const TensorInfo& info) {
  const auto bytes = file->bytes(info);
  check_mapped_files();
  const auto release = [file, info](void*) { file->release(info); };
  if (is_quantized(info.dtype)) {
    auto values = torch::empty(info.shape, torch::kFloat32);
    dequantize(info.dtype, bytes, {values.data_ptr<float>(), static_cast<size_t>(values.numel())});
    release(nullptr);
    return values;
  }
  const auto options = torch::TensorOptions().dtype(scalar_type(info.dtype));
  if (info.bytes == 0) return torch::empty(info.shape, options);
  const bool aligned =
      reinterpret_cast<std::uintptr_t>(bytes.data()) % block_of(info.dtype).bytes == 0;
  if (!aligned) {
    require(info.strides.empty(), file->path().string(), ": tensor '", info.name,
            "' is neither aligned nor contiguous");
    auto copy = torch::empty(info.shape, options);
    std::memcpy(copy.mutable_data_ptr(), bytes.data(), bytes.size());
    release(nullptr);
    return copy;
  }
  // The memory is mapped read-only and never written through: every use copies from it.
  auto* data = const_cast<std::byte*>(bytes.data());
  if (info.strides.empty()) return torch::from_blob(data, info.shape, release, options);
  return torch::from_blob(data, info.shape, info.strides, release, options);
}

TensorSource source_in(const std::shared_ptr<const WeightFile>& file, const TensorInfo& info) {
  const bool quantized = is_quantized(info.dtype);
  TensorSource source{quantized ? torch::kFloat32 : scalar_type(info.dtype), info.dtype, info.shape,
                      [file, info] { return load(file, info); }};
  if (quantized && info.shape.size() == 2 && info.strides.empty()) {
    source.blocks = [file, info] {
      const std::shared_ptr<const void> owner(file.get(),
                                              [file, info](const void*) { file->release(info); });
      return QuantizedTensor(info.dtype, info.shape[0], info.shape[1], file->bytes(info), owner);
    };
  }
  return source;
}

}  // namespace

void add_file(TensorMap& map, const std::shared_ptr<const WeightFile>& file) {
  map.set_where(map.where() + (map.where().empty() ? "" : ", ") + file->path().string());
  for (const auto& info : file->tensors()) map.add(info.name, source_in(file, info));
}

TensorMap open_tensors(const std::vector<fs::path>& files) {
  TensorMap map;
  for (const auto& path : files) add_file(map, std::make_shared<SafetensorsFile>(path));
  return map;
}

void save_tensors(const fs::path& path, const NamedSources& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, source] : tensors) {
    specs.push_back({name, dtype_of(source.dtype), source.shape});
  }
  SafetensorsWriter writer(path, specs);
  for (const auto& [name, source] : tensors) {
    const auto flat = source.load().to(torch::kCPU).contiguous();
    writer.write(name, {static_cast<const std::byte*>(flat.const_data_ptr()), flat.nbytes()});
  }
  writer.commit();
}

void save_tensors(const fs::path& path, const NamedTensors& tensors) {
  NamedSources sources;
  for (const auto& [name, tensor] : tensors) sources.emplace_back(name, source_of(tensor));
  save_tensors(path, sources);
}

}  // namespace gptkit
