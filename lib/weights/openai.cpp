#include "weights/openai.h"

#include <type_traits>
#include <utility>

#include "base/error.h"
#include "models/tensor_names.h"

namespace gptkit {

namespace {

/// OpenAI's matrices are kernels of a convolution of width 1: (1,in,out).
TensorSource without_first_dimension(const TensorSource& source) {
  if (source.shape.size() != 3 || source.shape[0] != 1) return source;
  auto result = source;
  result.shape.erase(result.shape.begin());
  result.load = [load = source.load] { return load().squeeze(0); };
  return result;
}

}  // namespace

ModelConfig config_from_openai(const Json& hparams, const std::string& where) {
  require(hparams.is_object(), where, ": expected a JSON object");
  const auto& family = family_where([](const Family& f) { return !f.openai_keys.empty(); });
  auto c = family.choices;
  ConfigNames names{where};
  for (const auto& [key, field, use] : family.openai_keys) {
    const std::string name(key);
    visit_fields(c, [&, wanted = field](const char* each, auto& value, const char*) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, int64_t>) {
        if (each == wanted) value = json_int(hparams, name, where);
      }
    });
    names.keys.emplace_back(std::string(field), name);
  }
  validate(c, names);
  return c;
}

TensorMap hugging_face_from_openai(const ModelConfig& config, const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  auto rest = tensors.sources();
  for (const auto& tensor : model_tensors(config)) {
    if (!rest.contains(tensor.openai)) continue;
    map.add(tensor.hugging_face, without_first_dimension(rest.at(tensor.openai)));
    rest.erase(tensor.openai);
  }
  // The file also has the variables of the training (global_step, Adam's moments).
  for (const auto& [name, source] : rest) {
    if (name.starts_with("model/")) map.add(name, source);
  }
  return map;
}

}  // namespace gptkit
