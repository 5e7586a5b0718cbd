#include "weights/tensor_map.h"

#include <torch/types.h>

#include <functional>
#include <set>

#include "base/error.h"

namespace gptkit {

namespace {

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
  }
  fail("a tensor of unknown dtype");
}

DType dtype_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
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
    case torch::kUInt8:
      return DType::kUInt8;
    case torch::kBool:
      return DType::kBool;
    default:
      fail("safetensors has no dtype ", tensor.scalar_type());
  }
}

std::string join_up_to_ten(const std::vector<std::string>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size() && i < 10; ++i) text += (i ? ", " : "") + parts[i];
  if (parts.size() > 10) text += concat(" and ", parts.size() - 10, " more");
  return text;
}

std::string shape_text(at::IntArrayRef shape) { return concat(shape); }

}  // namespace

TensorMap::TensorMap(const std::vector<fs::path>& files) {
  for (const auto& path : files) {
    where_ += (where_.empty() ? "" : ", ") + path.string();
    const auto file = std::make_shared<SafetensorsFile>(path);
    for (const auto& info : file->tensors()) {
      const auto bytes = file->bytes(info);
      // The memory is mapped read-only and never written through: every use copies from it.
      auto* data = const_cast<std::byte*>(bytes.data());
      const auto options = torch::TensorOptions().dtype(scalar_type(info.dtype));
      const auto tensor = info.bytes == 0 ? torch::empty(info.shape, options)
                                          : torch::from_blob(
                                                data, info.shape, [file](void*) {}, options);
      require(tensors_.emplace(info.name, tensor).second, path.string(), ": tensor '", info.name,
              "' is in two files of this model; keep one");
    }
  }
}

torch::Tensor TensorMap::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), where_, ": no tensor '", name, "'");
  return found->second;
}

std::vector<std::string> TensorMap::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

void save_tensors(const fs::path& path, const NamedTensors& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, tensor] : tensors) {
    specs.push_back({name, dtype_of(tensor), tensor.sizes().vec()});
  }
  SafetensorsWriter writer(path, specs);
  for (const auto& [name, tensor] : tensors) {
    const auto flat = tensor.detach().to(torch::kCPU).contiguous();
    writer.write(name, {static_cast<const std::byte*>(flat.const_data_ptr()), flat.nbytes()});
  }
  writer.commit();
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
    } else if (const auto tensor = map.at(name); tensor.sizes() != at::IntArrayRef(shape)) {
      misshapen.push_back(
          concat(name, " ", shape_text(tensor.sizes()), " instead of ", shape_text(shape)));
    }
  }
  for (const auto& name : map.names()) {
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
}

}  // namespace gptkit
