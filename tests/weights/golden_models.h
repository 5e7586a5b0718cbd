#pragma once
// The models of tests/golden/models.json: their weights follow from a formula (see
// make_model_golden.py), so that only what transformers computes with them is stored.

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "models/gpt.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"

namespace gptkit::test {

inline Json golden_file(const std::string& name) {
  const auto path = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden" / name;
  return parse_json(read_file(path), path.string());
}

inline const Json& golden_models() {
  static const Json models = golden_file("models.json");
  return models;
}

inline uint32_t fnv1a(const std::string& name) {
  uint32_t value = 0x811C9DC5;
  for (const char c : name) value = (value ^ static_cast<unsigned char>(c)) * 0x01000193;
  return value;
}

/// Row-major values of the tensor called `name`, in [-0.5, 0.5).
inline torch::Tensor golden_values(const std::string& name, at::IntArrayRef shape) {
  const auto tensor = torch::empty(shape);
  auto* data = tensor.data_ptr<float>();
  const uint32_t seed = fnv1a(name);
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    uint32_t x = static_cast<uint32_t>(i) + seed;
    x = (x ^ x >> 16) * 0x7FEB352D;
    x = (x ^ x >> 15) * 0x846CA68B;
    x ^= x >> 16;
    data[i] = static_cast<float>(x >> 8) * 0x1p-24f - 0.5f;
  }
  return tensor;
}

/// The values as a model has them: matrices small, norms and DoRA's lengths near 1.
inline torch::Tensor golden_weight(const std::string& name, at::IntArrayRef shape) {
  auto values = golden_values(name, shape);
  const bool embedding = name.ends_with("wte.weight") || name.ends_with("embed_tokens.weight");
  const bool near_one = name.ends_with("weight") || name.ends_with("lora_magnitude_vector");
  if (shape.size() == 1 && near_one) values += 1;
  if (shape.size() > 1 && !embedding) values *= 0.3;
  return values;
}

inline GPT golden_gpt(const Json& config, const std::string& where) {
  torch::NoGradGuard no_grad;
  GPT model(config_from_json(config, where));
  for (auto [tensor, view] : hugging_face_views(model)) {
    view.copy_(golden_weight(tensor, view.sizes()));
  }
  model->eval();
  return model;
}

inline GPT golden_model(const std::string& name) {
  return golden_gpt(golden_models().at(name).at("config"), name);
}

/// {NAME: SHAPE} as tensors.
inline NamedTensors golden_tensors(const Json& shapes) {
  NamedTensors tensors;
  for (const auto& [name, shape] : shapes.items()) {
    tensors.emplace_back(name, golden_weight(name, shape.get<std::vector<int64_t>>()));
  }
  return tensors;
}

inline torch::Tensor ids_of(const Json& rows) {
  std::vector<torch::Tensor> parts;
  for (const auto& row : rows) {
    parts.push_back(torch::tensor(row.get<std::vector<int64_t>>(), torch::kInt64));
  }
  return torch::stack(parts);
}

/// The parameter of a test over models, as gtest allows it in a name.
inline std::string test_name(const testing::TestParamInfo<const char*>& instance) {
  std::string name = instance.param;
  std::erase(name, '-');
  return name;
}

/// 64 tokens, each the likeliest, after the first 8 of `start`, through the cache.
inline std::vector<int64_t> greedy(GPT model, const std::vector<int64_t>& start) {
  torch::NoGradGuard no_grad;
  std::vector<int64_t> ids(start.begin(), start.begin() + 8);
  KvCache cache(cache_shape(model->config()), 1, 72, torch::kFloat32);
  auto next = torch::tensor(ids, torch::kInt64).unsqueeze(0);
  while (ids.size() < 72) {
    ids.push_back(model(next, &cache)[0][-1].argmax().item<int64_t>());
    next = torch::tensor({ids.back()}, torch::kInt64).unsqueeze(0);
  }
  return ids;
}

}  // namespace gptkit::test
