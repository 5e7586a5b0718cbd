#include "model/init.h"

#include <torch/nn/init.h>

#include <cmath>

namespace gptkit {

namespace {

/// The book has three (C,C) layers where we have one (3C,C): its draws go query weight, query bias,
/// key weight, ... so they are drawn apart and written into the rows of the one.
void initialize_qkv_(Linear& qkv) {
  const int64_t C = qkv->weight.size(1);
  for (int64_t part = 0; part < 3; ++part) {
    Linear one(C, C, qkv->bias.defined());
    initialize_linear_(one);
    qkv->weight.slice(0, part * C, (part + 1) * C).copy_(one->weight);
    if (qkv->bias.defined()) qkv->bias.slice(0, part * C, (part + 1) * C).copy_(one->bias);
  }
}

void initialize_torch_(GPT& model) {
  torch::nn::init::normal_(model->token_embedding()->weight);
  torch::nn::init::normal_(model->position_embedding()->weight);
  for (int64_t i = 0; i < model->config().n_layer; ++i) {
    const auto block = model->block(i);
    auto qkv = block->attention()->qkv(), proj = block->attention()->proj();
    auto up = block->mlp()->up(), down = block->mlp()->down();
    initialize_qkv_(qkv);
    initialize_linear_(proj);
    initialize_linear_(up);
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
  torch::nn::init::normal_(model->position_embedding()->weight, 0, kStd);
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
