#pragma once
// A GPT for decoding alone: the layers of models/gpt.h with packed weights (nn/decoding_block.h),
// which compute the next tokens of many sequences in one pass over the weights. It is made from
// layers that are read one by one, so that a model never exists twice in memory.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/config.h"
#include "models/gpt.h"
#include "nn/decoding_block.h"

namespace gptkit {

/// The tensors of a layer by its name in layer_shapes(): "blocks.3.attention.qkv".
using LayerSource = std::function<LayerTensors(const std::string& layer)>;

/// The layers of a module; adapters are merged into what it gives, not into the module.
LayerSource layers_of(const GPT& gpt);

struct DecodingOptions {
  WeightFormat format = WeightFormat::kStored;
  CacheKind cache = CacheKind::kFloat32;
  int threads = 1;
  int64_t most_rows = 256;  ///< tokens in one pass; more are computed in several
};

class DecodingModel {
 public:
  /// New tokens of a sequence. The sequence has room for them (KvSequence::grow).
  struct Chunk {
    KvSequence* sequence = nullptr;
    std::span<const int32_t> tokens;
    int64_t wanted = 1;  ///< logits behind the last `wanted` tokens, 0 to tokens.size()
  };
  /// Called once per wanted row, in order: which chunk, which token of it, and its V logits, valid
  /// until the call returns.
  using OnLogits = std::function<void(int64_t chunk, int64_t token, std::span<const float> logits)>;

  DecodingModel(const ModelConfig& config, const LayerSource& layers,
                const DecodingOptions& options);

  /// Appends the chunks' keys and values to their sequences, at most most_rows tokens in all.
  void step(std::span<const Chunk> chunks, const OnLogits& on_logits);

  const ModelConfig& config() const { return config_; }
  const DecodingOptions& options() const { return options_; }
  const KvLayout& layout() const { return layout_; }
  const DecodingKernels& kernels() const { return kernels_; }
  int threads() const { return team_.size(); }
  /// Read for one token: the blocks and the head.
  int64_t bytes_per_token() const;
  /// "int8, head int8".
  std::string describe_weights() const;

 private:
  void embed(const DecodingStep& step, std::span<const Chunk> chunks, int member);
  void ensure_positions(int64_t count);
  void run_head(int64_t rows);

  ModelConfig config_;
  DecodingOptions options_;
  KvLayout layout_;
  const DecodingKernels& kernels_;
  ThreadTeam team_;
  PackedLinear embedding_, head_;  // head_ is empty when tied
  std::vector<float> positions_;   // (positions,C): learned or sinusoidal
  std::vector<DecodingBlock> blocks_;
  std::optional<PackedNorm> final_norm_;
  std::vector<float> cos_, sin_;  // (positions,D/2)
  DecodingWorkspace work_;
  StepRows last_, logits_;  // what the head reads and writes, kHeadRows at a time
};

}  // namespace gptkit
