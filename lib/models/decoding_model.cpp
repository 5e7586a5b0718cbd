#include "models/decoding_model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/outer.h>

#include <algorithm>

#include "base/error.h"
#include "kernels/dispatch.h"
#include "nn/positions.h"

namespace gptkit {

namespace {

constexpr int64_t kHeadRows = 16;       // logits that exist at once: V floats each
constexpr int64_t kPositionStep = 256;  // rotary tables grow by this at least

torch::Tensor vector_of(const LayerTensors& layer) {
  return std::get<torch::Tensor>(layer.weight.front());
}

BlockTensors block_tensors(const LayerSource& layers, int64_t i) {
  const auto prefix = concat("blocks.", i, ".");
  const auto layer = [&](const char* name) { return layers(prefix + name); };
  return {layer("norm1"), layer("attention.qkv"), layer("attention.proj"),
          layer("norm2"), layer("mlp.up"),        layer("mlp.down")};
}

/// Vectors that are added to the embeddings, one a position; none for other kinds.
std::vector<float> added_positions(const ModelConfig& config, const LayerSource& layers) {
  if (config.positions == PositionKind::kLearned) {
    return floats_of(vector_of(layers("position_embedding")));
  }
  if (config.positions == PositionKind::kSinusoidal) {
    const auto positions = at::arange(config.context_length, torch::kInt64);
    return floats_of(sinusoidal_positions(positions, config.d_model));
  }
  return {};
}

}  // namespace

LayerSource layers_of(const GPT& gpt) {
  const auto linear = [](const Linear& layer) {
    LayerTensors tensors;
    if (layer->lora()) {
      tensors.weight = {layer->dense_weight().detach() + layer->lora()->delta().detach()};
    } else if (layer->quantized().empty()) {
      tensors.weight = {layer->weight.detach()};
    } else {
      tensors.weight.assign(layer->quantized().begin(), layer->quantized().end());
    }
    tensors.bias = layer->bias;
    return tensors;
  };
  const auto norm = [](const Norm& layer) {
    return LayerTensors{{layer->weight.detach()}, layer->bias};
  };
  return [=](const std::string& name) -> LayerTensors {
    if (name == "token_embedding") return {{gpt->token_embedding()->weight.detach()}, {}};
    if (name == "position_embedding") return {{gpt->position_embedding()->weight.detach()}, {}};
    if (name == "final_norm") return norm(gpt->final_norm());
    if (name == "head") return linear(gpt->head());
    const auto dot = name.find('.', 7);  // "blocks.N.layer"
    const auto block = gpt->block(std::stoll(name.substr(7, dot - 7)));
    const auto layer = name.substr(dot + 1);
    if (layer == "norm1") return norm(block->norm1());
    if (layer == "norm2") return norm(block->norm2());
    if (layer == "attention.qkv") return linear(block->attention()->qkv());
    if (layer == "attention.proj") return linear(block->attention()->proj());
    if (layer == "mlp.up") return linear(block->mlp()->up());
    if (layer == "mlp.down") return linear(block->mlp()->down());
    fail("a model has no layer '", name, "'");
  };
}

DecodingModel::DecodingModel(const ModelConfig& config, const LayerSource& layers,
                             const DecodingOptions& options)
    : config_(config),
      options_(options),
      layout_(KvLayout::of(cache_shape(config), options.cache)),
      kernels_(*gptkit::kernels().decoding),
      team_(options.threads),
      embedding_(layers("token_embedding"), sensitive(options.format)),
      positions_(added_positions(config, layers)),
      work_(block_options(config), options.most_rows, team_.size()),
      last_(kHeadRows, config.d_model),
      logits_(kHeadRows, config.vocab_size) {
  const auto block = block_options(config);
  for (int64_t i = 0; i < config.n_layer; ++i) {
    // int4 costs a text most in the values, the last block and the head.
    const bool last = i == config.n_layer - 1;
    blocks_.emplace_back(block, block_tensors(layers, i),
                         last ? sensitive(options.format) : options.format);
  }
  if (config.norm_placement == NormPlacement::kPre) {
    final_norm_.emplace(layers("final_norm"), block.norm);
  }
  if (!config.tie_embeddings) {
    head_ = PackedLinear(layers("head"), sensitive(options.format));
  }
}

int64_t DecodingModel::bytes_per_token() const {
  int64_t bytes = (config_.tie_embeddings ? embedding_ : head_).bytes();
  for (const auto& block : blocks_) bytes += block.bytes();
  return bytes;
}

std::string DecodingModel::describe_weights() const {
  const auto& head = config_.tie_embeddings ? embedding_ : head_;
  return concat(blocks_.front().format(), ", head ", head.format());
}

void DecodingModel::ensure_positions(int64_t count) {
  if (config_.positions != PositionKind::kRotary) return;
  const int64_t half = config_.head_dim() / 2;
  if (std::ssize(cos_) >= count * half) return;
  const int64_t known = std::ssize(cos_) / half;
  const int64_t wanted =
      (std::max(count, 2 * known) + kPositionStep - 1) / kPositionStep * kPositionStep;
  const auto angles =
      at::outer(at::arange(wanted, torch::kFloat32), rotary_frequencies(rotary_options(config_)));
  cos_ = floats_of(angles.cos());
  sin_ = floats_of(angles.sin());
}

void DecodingModel::embed(const DecodingStep& step, std::span<const Chunk> chunks, int member) {
  const auto share = share_of(step.rows, member, team_.size());
  const int64_t C = config_.d_model;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto& placed = step.chunks[i];
    for (int64_t t = 0; t < placed.count; ++t) {
      const int64_t row = placed.first_row + t;
      if (row < share.begin || row >= share.end) continue;
      float* x = work_.x.x(row);
      embedding_.row(chunks[i].tokens[static_cast<size_t>(t)], x);
      if (positions_.empty()) continue;
      const float* position = positions_.data() + (placed.sequence->tokens() + t) * C;
      for (int64_t c = 0; c < C; ++c) x[c] += position[c];
    }
  }
}

/// last_ -> logits_
void DecodingModel::run_head(int64_t rows) {
  const auto& head = config_.tie_embeddings ? embedding_ : head_;
  team_.run([&](int member) {
    const auto share = share_of(rows, member, team_.size());
    if (final_norm_) final_norm_->apply(kernels_, last_, last_, share);
    if (head.quantized()) last_.quantize(kernels_, share);
    team_.barrier();
    head.multiply(kernels_, last_, logits_, rows, /*add=*/false, member, team_.size());
  });
}

void DecodingModel::step(std::span<const Chunk> chunks, const OnLogits& on_logits) {
  DecodingStep step{kernels_, team_, layout_};
  int64_t longest = 0;
  for (const auto& chunk : chunks) {
    const auto count = std::ssize(chunk.tokens);
    step.chunks.push_back({chunk.sequence, step.rows, count});
    step.rows += count;
    longest = std::max(longest, chunk.sequence->tokens() + count);
  }
  TORCH_INTERNAL_ASSERT(step.rows <= options_.most_rows);
  ensure_positions(longest);
  step.cos = cos_.empty() ? nullptr : cos_.data();
  step.sin = sin_.empty() ? nullptr : sin_.data();
  step.cut(config_.n_head, config_.kv_heads());
  team_.run([&](int member) {
    embed(step, chunks, member);
    team_.barrier();
    for (int64_t i = 0; i < config_.n_layer; ++i) {
      blocks_[static_cast<size_t>(i)].run(step, work_, i, member);
    }
  });
  struct Wanted {
    int64_t chunk, token, row;
  };
  std::vector<Wanted> wanted;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto& placed = step.chunks[i];
    placed.sequence->advance(placed.count);
    for (int64_t t = placed.count - chunks[i].wanted; t < placed.count; ++t) {
      wanted.push_back({static_cast<int64_t>(i), t, placed.first_row + t});
    }
  }
  for (size_t begin = 0; begin < wanted.size(); begin += kHeadRows) {
    const auto count = std::min<size_t>(kHeadRows, wanted.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const float* from = work_.x.x(wanted[begin + i].row);
      std::copy(from, from + config_.d_model, last_.x(static_cast<int64_t>(i)));
    }
    run_head(static_cast<int64_t>(count));
    for (size_t i = 0; i < count; ++i) {
      const auto& row = wanted[begin + i];
      on_logits(row.chunk, row.token,
                {logits_.x(static_cast<int64_t>(i)), static_cast<size_t>(config_.vocab_size)});
    }
  }
}

}  // namespace gptkit
