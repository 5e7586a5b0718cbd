#include "tensors/tensor_map.h"

#include <set>

#include "base/error.h"
#include "base/files.h"

namespace gptkit {

void TensorMap::add(const std::string& name, TensorSource source) {
  require(tensors_.emplace(name, std::move(source)).second, where_, ": tensor '", name,
          "' is in two files of this model; keep one");
}

const TensorSource& TensorMap::source(const std::string& name) const {
  const auto found = tensors_.find(name);
  require(found != tensors_.end(), where_, ": no tensor '", name, "'");
  return found->second;
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
      misshapen.push_back(
          concat(name, " ", at::IntArrayRef(found), " instead of ", at::IntArrayRef(shape)));
    }
  }
  for (const auto& [name, source] : map.sources()) {
    if (!known.contains(name) && !ignore(name)) unexpected.push_back(name);
  }
  if (missing.empty() && misshapen.empty() && unexpected.empty()) return;
  std::string message = map.where() + ": the weights do not fit the configuration;";
  if (!missing.empty()) message += " missing: " + join(missing, ", ", 10) + ";";
  if (!misshapen.empty()) message += " of another shape: " + join(misshapen, ", ", 10) + ";";
  if (!unexpected.empty()) message += " unexpected: " + join(unexpected, ", ", 10) + ";";
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
