#pragma once
// What a Block (nn/block.h) computes when a model only decodes: no autograd, packed weights, rows
// of many sequences at once, each with its own keys and values. The team of threads stays together
// for the whole block; its members meet at barriers. tests/models compares both for every family.

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/thread_team.h"
#include "nn/kv_pages.h"
#include "nn/options.h"
#include "nn/packed_linear.h"

namespace gptkit {

/// New tokens of one sequence: consecutive rows of a step.
struct StepChunk {
  KvSequence* sequence = nullptr;  // with room for the tokens; its tokens() are those before them
  int64_t first_row = 0, count = 0;
};

/// A few queries that share a key/value head: index / group is the row of the chunk, index % group
/// the head among those that share.
struct AttentionTile {
  int64_t chunk = 0, head = 0;
  int64_t first = 0, count = 0;
};

/// Everything that changes while a step runs, made once for the largest step.
struct DecodingWorkspace {
  DecodingWorkspace(const BlockOptions& options, int64_t most_rows, int threads);

  StepRows x;                               // the residual stream (N,C)
  StepRows normed;                          // (N,C)
  StepRows qkv;                             // (N,(H + 2G) D)
  StepRows attended;                        // (N,H D)
  StepRows up;                              // (N,F), SwiGLU (N,2F)
  StepRows activated;                       // (N,F)
  std::vector<std::vector<float>> scratch;  // per member: queries and their results, padded
  std::atomic<int64_t> next_tile{0};
};

/// One step: its rows, chunks and how its attention is cut, the same for all blocks.
struct DecodingStep {
  const DecodingKernels& kernels;
  ThreadTeam& team;
  const KvLayout& layout;
  int64_t rows = 0;
  std::vector<StepChunk> chunks = {};
  std::vector<AttentionTile> tiles = {};
  const float *cos = nullptr, *sin = nullptr;  // (positions,D/2), null: no rotary positions

  /// Fills `tiles` from `chunks`.
  void cut(int64_t heads, int64_t kv_heads);
};

class PackedNorm {
 public:
  PackedNorm() = default;
  PackedNorm(const LayerTensors& tensors, const NormOptions& options);
  /// out = norm(x) for these rows
  void apply(const DecodingKernels& kernels, const StepRows& x, StepRows& out,
             WorkShare rows) const;

 private:
  std::vector<float> weight_, bias_;
  double epsilon_ = 0;
};

struct BlockTensors {
  LayerTensors norm1, qkv, proj, norm2, up, down;
};

class DecodingBlock {
 public:
  DecodingBlock(const BlockOptions& options, const BlockTensors& tensors, WeightFormat format);

  /// Every member of the team calls this; w.x is the input and the output. `layer` is the block's
  /// number. All members have passed a barrier when it returns.
  void run(const DecodingStep& step, DecodingWorkspace& w, int64_t layer, int member) const;

  int64_t bytes() const;
  std::string_view format() const { return down_.format(); }

 private:
  void norm(const DecodingStep& step, const PackedNorm& norm, const PackedLinear& reader,
            DecodingWorkspace& w, int member) const;
  void store_keys_values(const DecodingStep& step, DecodingWorkspace& w, int64_t layer,
                         int member) const;
  void attend(const DecodingStep& step, DecodingWorkspace& w, int64_t layer, int member) const;
  void attend_tile(const DecodingStep& step, DecodingWorkspace& w, int64_t layer, int member,
                   const AttentionTile& tile) const;
  void activate(const DecodingStep& step, DecodingWorkspace& w, int member) const;
  void add_and_norm(const DecodingStep& step, const PackedLinear& linear, const PackedNorm& norm,
                    StepRows& in, DecodingWorkspace& w, int member) const;

  BlockOptions options_;
  PackedNorm norm1_, norm2_;
  PackedLinear qkv_, proj_, up_, down_;
};

}  // namespace gptkit
