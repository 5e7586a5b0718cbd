#include "weights/tensor_map.h"

#include <ATen/ops/equal.h>

#include <cstring>
#include <set>

#include "base/error.h"
#include "base/quantization.h"
#include "formats/safetensors.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

/// The tensor of a file: a view of the mapped bytes, or, where those are quantised or not aligned,
/// what they hold, decoded.
torch::Tensor load(const std::shared_ptr<const WeightFile>& file, const TensorInfo& info) {
  const auto bytes = file->bytes(info);
  check_mapped_files();
  const auto release = [file, info](void*) { file->release(info); };
  if (is_quantized(info.dtype)) {
    const auto values = torch::empty(info.shape, torch::kFloat32);
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
    const auto copy = torch::empty(info.shape, options);
    std::memcpy(copy.mutable_data_ptr(), bytes.data(), bytes.size());
    release(nullptr);
    return copy;
  }
  // The memory is mapped read-only and never written through: every use copies from it.
  auto* data = const_cast<std::byte*>(bytes.data());
  if (info.strides.empty()) return torch::from_blob(data, info.shape, release, options);
  return torch::from_blob(data, info.shape, info.strides, release, options);
}

std::string join_up_to_ten(const std::vector<std::string>& parts) { return join(parts, ", ", 10); }

std::string shape_text(at::IntArrayRef shape) { return concat(shape); }

}  // namespace

torch::ScalarType scalar_type(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return torch::kFloat64;
    case DType::kFloat32:
      return torch::kFloat32;
    case DType::kFloat16:
      return torch::kFloat16;
    case DType::kBFloat16:
      return torch::kBFloat16;
    case DType::kInt64:
      return torch::kInt64;
    case DType::kInt32:
      return torch::kInt32;
    case DType::kInt16:
      return torch::kInt16;
    case DType::kInt8:
      return torch::kInt8;
    case DType::kUInt8:
      return torch::kUInt8;
    case DType::kBool:
      return torch::kBool;
    default:
      fail("LibTorch has no dtype ", name(dtype));
  }
}

DType dtype_of(torch::ScalarType dtype) {
  switch (dtype) {
    case torch::kFloat64:
      return DType::kFloat64;
    case torch::kFloat32:
      return DType::kFloat32;
    case torch::kFloat16:
      return DType::kFloat16;
    case torch::kBFloat16:
      return DType::kBFloat16;
    case torch::kInt64:
      return DType::kInt64;
    case torch::kInt32:
      return DType::kInt32;
    case torch::kInt16:
      return DType::kInt16;
    case torch::kInt8:
      return DType::kInt8;
    case torch::kUInt8:
      return DType::kUInt8;
    case torch::kBool:
      return DType::kBool;
    default:
      fail("no weight format here has the dtype ", dtype);
  }
}

TensorSource source_of(const torch::Tensor& tensor) {
  return {tensor.scalar_type(), dtype_of(tensor.scalar_type()), tensor.sizes().vec(),
          [tensor] { return tensor.detach(); }};
}

TensorSource cast(const TensorSource& source, torch::ScalarType dtype, const std::string& name) {
  if (source.dtype == dtype) return source;
  return {dtype, source.stored, source.shape, [source, dtype, name] {
            const auto from = source.load();
            const auto to = from.to(dtype);
            if (dtype == torch::kFloat16) {
              require(all_finite(to), "tensor '", name,
                      "' has values beyond float16's 65,504; choose bfloat16 or float32");
            }
            return to;
          }};
}

bool same_values(const TensorSource& a, const TensorSource& b) {
  if (a.shape != b.shape) return false;
  const auto x = a.load(), y = b.load();
  if (x.scalar_type() == y.scalar_type()) {
    const bool shared = x.const_data_ptr() == y.const_data_ptr() && x.strides() == y.strides();
    return shared || at::equal(x, y);
  }
  return at::equal(x.to(torch::kFloat32), y.to(torch::kFloat32));
}

TensorMap::TensorMap(const std::vector<fs::path>& files) {
  for (const auto& path : files) add(std::make_shared<SafetensorsFile>(path));
}

void TensorMap::add(const std::shared_ptr<const WeightFile>& file) {
  where_ += (where_.empty() ? "" : ", ") + file->path().string();
  for (const auto& info : file->tensors()) {
    const auto dtype = is_quantized(info.dtype) ? torch::kFloat32 : scalar_type(info.dtype);
    add(info.name, {dtype, info.dtype, info.shape, [file, info] { return load(file, info); }});
  }
}

void TensorMap::add(const std::string& name, TensorSource source) {
  require(tensors_.emplace(name, std::move(source)).second, where_, ": tensor '", name,
          "' is in two files of this model; keep one");
}

const TensorSource& TensorMap::source(const std::string& name) const {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), where_, ": no tensor '", name, "'");
  return found->second;
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

NamedTensors tensors_of(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) {
    tensors.emplace_back(item.key(), item.value().detach());
  }
  for (const auto& item : module.named_buffers()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

void check_tensors(const TensorMap& map,
                   const std::vector<std::pair<std::string, std::vector<int64_t>>>& wanted,
                   const std::function<bool(const std::string&)>& ignore) {
  std::vector<std::string> missing, misshapen, unexpected;
  std::set<std::string> known;
  for (const auto& [name, shape] : wanted) {
    known.insert(name);
    if (!map.contains(name)) {
      missing.push_back(name);
    } else if (const auto& found = map.source(name).shape; found != shape) {
      misshapen.push_back(concat(name, " ", shape_text(found), " instead of ", shape_text(shape)));
    }
  }
  for (const auto& [name, source] : map.sources()) {
    if (!known.contains(name) && !ignore(name)) unexpected.push_back(name);
  }
  if (missing.empty() && misshapen.empty() && unexpected.empty()) return;
  std::string message = map.where() + ": the weights do not fit the configuration;";
  if (!missing.empty()) message += " missing: " + join_up_to_ten(missing) + ";";
  if (!misshapen.empty()) message += " of another shape: " + join_up_to_ten(misshapen) + ";";
  if (!unexpected.empty()) message += " unexpected: " + join_up_to_ten(unexpected) + ";";
  fail(message, " check that config.json belongs to these weights");
}

void copy_into(torch::nn::Module& module, const TensorMap& map) {
  torch::NoGradGuard no_grad;
  const auto own = tensors_of(module);
  std::vector<std::pair<std::string, std::vector<int64_t>>> wanted;
  for (const auto& [name, tensor] : own) wanted.emplace_back(name, tensor.sizes().vec());
  check_tensors(map, wanted, [](const std::string&) { return false; });
  for (auto [name, tensor] : own) tensor.copy_(map.at(name));
  check_mapped_files();
}

}  // namespace gptkit
