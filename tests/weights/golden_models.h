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
#include "model/gpt.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"

namespace gptkit::test {

inline const Json& golden_models() {
  static const Json models = [] {
    const auto path = fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/models.json";
    return parse_json(read_file(path), path.string());
  }();
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

inline GPT golden_model(const std::string& name) {
  torch::NoGradGuard no_grad;
  GPT model(config_from_json(golden_models().at(name).at("config"), name));
  for (auto [tensor, view] : hugging_face_views(model)) {
    auto values = golden_values(tensor, view.sizes());
    const bool embedding =
        tensor.ends_with("wte.weight") || tensor.ends_with("embed_tokens.weight");
    if (view.dim() == 1 && tensor.ends_with("weight")) values += 1;
    if (view.dim() > 1 && !embedding) values *= 0.3;
    view.copy_(values);
  }
  model->eval();
  return model;
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
  KvCache cache(model->config(), 1, 72, torch::kFloat32);
  auto next = torch::tensor(ids, torch::kInt64).unsqueeze(0);
  while (ids.size() < 72) {
    ids.push_back(model(next, &cache)[0][-1].argmax().item<int64_t>());
    next = torch::tensor({ids.back()}, torch::kInt64).unsqueeze(0);
  }
  return ids;
}

}  // namespace gptkit::test
