#include "models/init.h"

#include <torch/nn/init.h>

#include <cmath>
#include <vector>

namespace gptkit {

namespace {

/// The book has three layers instead of our one and draws query weight, query bias, key weight, ...
/// They are drawn separately and written into the rows of the single layer.
void initialize_rows_(Linear& fused, const std::vector<int64_t>& rows) {
  int64_t begin = 0;
  for (const int64_t count : rows) {
    Linear one(fused->weight.size(1), count, fused->bias.defined());
    initialize_linear_(one);
    fused->weight.narrow(0, begin, count).copy_(one->weight);
    if (fused->bias.defined()) fused->bias.narrow(0, begin, count).copy_(one->bias);
    begin += count;
  }
}

void initialize_torch_(GPT& model) {
  const auto& c = model->config();
  const int64_t q = c.n_head * c.head_dim(), kv = c.kv_heads() * c.head_dim();
  torch::nn::init::normal_(model->token_embedding()->weight);
  if (auto positions = model->position_embedding()) torch::nn::init::normal_(positions->weight);
  for (int64_t i = 0; i < c.n_layer; ++i) {
    const auto block = model->block(i);
    auto qkv = block->attention()->qkv(), proj = block->attention()->proj();
    auto up = block->mlp()->up(), down = block->mlp()->down();
    initialize_rows_(qkv, {q, kv, kv});
    initialize_linear_(proj);
    initialize_rows_(up, std::vector<int64_t>(c.mlp == MlpKind::kSwiglu ? 2 : 1, c.feed_forward()));
    initialize_linear_(down);
  }
  // A tied head is a view of the token embedding; the book's is its own layer.
  if (auto head = model->head()) initialize_linear_(head);
}

void initialize_gpt2_(GPT& model) {
  constexpr double kStd = 0.02;
  const double residual = kStd / std::sqrt(2.0 * static_cast<double>(model->config().n_layer));
  const auto normal = [](const Linear& linear, double std) {
    torch::nn::init::normal_(linear->weight, 0, std);
    if (linear->bias.defined()) torch::nn::init::zeros_(linear->bias);
  };
  torch::nn::init::normal_(model->token_embedding()->weight, 0, kStd);
  if (auto positions = model->position_embedding()) {
    torch::nn::init::normal_(positions->weight, 0, kStd);
  }
  for (int64_t i = 0; i < model->config().n_layer; ++i) {
    const auto block = model->block(i);
    normal(block->attention()->qkv(), kStd);
    normal(block->attention()->proj(), residual);
    normal(block->mlp()->up(), kStd);
    normal(block->mlp()->down(), residual);
  }
  if (model->head()) normal(model->head(), kStd);
}

}  // namespace

void initialize_linear_(Linear& linear) {
  torch::NoGradGuard no_grad;
  // kaiming_uniform_(a = sqrt 5), as torch::nn::Linear calls it, is this bound.
  torch::nn::init::kaiming_uniform_(linear->weight, std::sqrt(5.0));
  if (!linear->bias.defined()) return;
  const double bound = 1.0 / std::sqrt(static_cast<double>(linear->weight.size(1)));
  torch::nn::init::uniform_(linear->bias, -bound, bound);
}

void initialize_(GPT& model) {
  torch::NoGradGuard no_grad;
  switch (model->config().init) {
    case Init::kTorch:
      return initialize_torch_(model);
    case Init::kGpt2:
      return initialize_gpt2_(model);
  }
}

}  // namespace gptkit
