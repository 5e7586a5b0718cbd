#include "nn/decoding_block.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gptkit {

namespace {

/// A head turned to its position, from `from` to `to`; without positions a copy.
void turn(const float* from, float* to, int64_t head_dim, const float* cos, const float* sin) {
  const int64_t half = head_dim / 2;
  if (!cos) {
    std::copy(from, from + head_dim, to);
    return;
  }
  for (int64_t i = 0; i < half; ++i) {
    const float a = from[i], b = from[i + half];
    to[i] = a * cos[i] - b * sin[i];
    to[i + half] = b * cos[i] + a * sin[i];
  }
}

int64_t padded_head(int64_t head_dim) { return (head_dim + kLanes - 1) / kLanes * kLanes; }

}  // namespace

DecodingWorkspace::DecodingWorkspace(const BlockOptions& o, int64_t most_rows, int threads)
    : x(most_rows, o.attention.d_model),
      normed(most_rows, o.attention.d_model),
      qkv(most_rows, (o.attention.n_head + 2 * o.attention.n_kv_head) * o.attention.d_head),
      attended(most_rows, o.attention.n_head * o.attention.d_head),
      up(most_rows, o.mlp.kind == MlpKind::kSwiglu ? 2 * o.mlp.d_ff : o.mlp.d_ff),
      activated(most_rows, o.mlp.d_ff) {
  const auto floats = static_cast<size_t>(2 * kMaxQueries * padded_head(o.attention.d_head));
  scratch.assign(static_cast<size_t>(threads), std::vector<float>(floats));
}

void DecodingStep::cut(int64_t heads, int64_t kv_heads) {
  const int64_t group = heads / kv_heads;
  // Few rows: one query a tile, so that all members have work. Many: queries share loaded keys.
  const bool few = rows * kv_heads < 4 * team.size();
  const int64_t most = few ? 1 : kMaxQueries;
  tiles.clear();
  for (int64_t chunk = 0; chunk < std::ssize(chunks); ++chunk) {
    const int64_t queries = chunks[static_cast<size_t>(chunk)].count * group;
    for (int64_t head = 0; head < kv_heads; ++head) {
      for (int64_t first = 0; first < queries; first += most) {
        tiles.push_back({chunk, head, first, std::min(most, queries - first)});
      }
    }
  }
}

PackedNorm::PackedNorm(const LayerTensors& tensors, const NormOptions& options)
    : weight_(floats_of(std::get<torch::Tensor>(tensors.weight.front()))),
      bias_(floats_of(tensors.bias)),
      epsilon_(options.epsilon) {}

void PackedNorm::apply(const DecodingKernels& kernels, const StepRows& x, StepRows& out,
                       WorkShare rows) const {
  if (rows.begin >= rows.end) return;
  kernels.norm({x.x(rows.begin), rows.end - rows.begin, x.width(), x.stride(), weight_.data(),
                bias_.empty() ? nullptr : bias_.data(), epsilon_, out.x(rows.begin)});
}

DecodingBlock::DecodingBlock(const BlockOptions& options, const BlockTensors& tensors,
                             WeightFormat format)
    : options_(options),
      norm1_(tensors.norm1, options.norm),
      norm2_(tensors.norm2, options.norm),
      qkv_(tensors.qkv, format, options.attention.n_kv_head * options.attention.d_head,
           sensitive(format)),
      proj_(tensors.proj, format),
      up_(tensors.up, format),
      down_(tensors.down, format) {
  require(options.attention.causal, "a bidirectional model cannot decode token by token");
}

int64_t DecodingBlock::bytes() const {
  return qkv_.bytes() + proj_.bytes() + up_.bytes() + down_.bytes();
}

void DecodingBlock::run(const DecodingStep& step, DecodingWorkspace& w, int64_t layer,
                        int member) const {
  const int members = step.team.size();
  norm(step, norm1_, qkv_, w, member);
  qkv_.multiply(step.kernels, w.normed, w.qkv, step.rows, /*add=*/false, member, members);
  step.team.barrier();
  store_keys_values(step, w, layer, member);
  if (member == 0) w.next_tile = 0;
  step.team.barrier();
  attend(step, w, layer, member);
  step.team.barrier();
  if (proj_.quantized()) {
    w.attended.quantize(step.kernels, share_of(step.rows, member, members));
    step.team.barrier();
  }
  add_and_norm(step, proj_, norm1_, w.attended, w, member);
  norm(step, norm2_, up_, w, member);
  up_.multiply(step.kernels, w.normed, w.up, step.rows, /*add=*/false, member, members);
  step.team.barrier();
  activate(step, w, member);
  step.team.barrier();
  add_and_norm(step, down_, norm2_, w.activated, w, member);
}

/// w.normed becomes what `reader` reads: the norm of the residual stream, or that stream itself in
/// a block that normalises behind.
void DecodingBlock::norm(const DecodingStep& step, const PackedNorm& norm,
                         const PackedLinear& reader, DecodingWorkspace& w, int member) const {
  const auto rows = share_of(step.rows, member, step.team.size());
  if (options_.norm_placement == NormPlacement::kPre) {
    norm.apply(step.kernels, w.x, w.normed, rows);
  } else {
    for (int64_t row = rows.begin; row < rows.end; ++row) {
      std::copy(w.x.x(row), w.x.x(row) + w.x.width(), w.normed.x(row));
    }
  }
  if (reader.quantized()) w.normed.quantize(step.kernels, rows);
  step.team.barrier();
}

/// The residual stream gets what `linear` makes of `in`.
void DecodingBlock::add_and_norm(const DecodingStep& step, const PackedLinear& linear,
                                 const PackedNorm& norm, StepRows& in, DecodingWorkspace& w,
                                 int member) const {
  linear.multiply(step.kernels, in, w.x, step.rows, /*add=*/true, member, step.team.size());
  step.team.barrier();
  if (options_.norm_placement == NormPlacement::kPre) return;
  norm.apply(step.kernels, w.x, w.x, share_of(step.rows, member, step.team.size()));
  step.team.barrier();
}

void DecodingBlock::store_keys_values(const DecodingStep& step, DecodingWorkspace& w, int64_t layer,
                                      int member) const {
  const int64_t H = options_.attention.n_head, G = options_.attention.n_kv_head;
  const int64_t D = options_.attention.d_head, padded = padded_head(D);
  auto& scratch = w.scratch[static_cast<size_t>(member)];
  std::fill_n(scratch.begin(), 2 * padded, 0.0F);
  float *key = scratch.data(), *value = key + padded;
  const auto share = share_of(step.rows * G, member, step.team.size());
  for (const auto& chunk : step.chunks) {
    const int64_t begin = std::max(share.begin, chunk.first_row * G);
    const int64_t end = std::min(share.end, (chunk.first_row + chunk.count) * G);
    for (int64_t item = begin; item < end; ++item) {
      const int64_t row = item / G, head = item % G;
      const int64_t position = chunk.sequence->tokens() + row - chunk.first_row;
      const float* from = w.qkv.x(row) + (H + head) * D;
      turn(from, key, D, step.cos ? step.cos + position * (D / 2) : nullptr,
           step.sin ? step.sin + position * (D / 2) : nullptr);
      std::copy(from + G * D, from + G * D + D, value);
      step.kernels.write_cache({step.layout.kind,
                                chunk.sequence->addresses()[position / kPageTokens],
                                step.layout.keys(layer, head), step.layout.values(layer, head),
                                padded, position % kPageTokens, key, value});
    }
  }
}

void DecodingBlock::attend(const DecodingStep& step, DecodingWorkspace& w, int64_t layer,
                           int member) const {
  // The last tiles see the most tokens: they come first.
  const auto count = std::ssize(step.tiles);
  for (int64_t i = w.next_tile++; i < count; i = w.next_tile++) {
    attend_tile(step, w, layer, member, step.tiles[static_cast<size_t>(count - 1 - i)]);
  }
}

void DecodingBlock::attend_tile(const DecodingStep& step, DecodingWorkspace& w, int64_t layer,
                                int member, const AttentionTile& tile) const {
  const int64_t group = options_.attention.n_head / options_.attention.n_kv_head;
  const int64_t D = options_.attention.d_head, padded = padded_head(D);
  const auto& chunk = step.chunks[static_cast<size_t>(tile.chunk)];
  auto& scratch = w.scratch[static_cast<size_t>(member)];
  std::fill(scratch.begin(), scratch.end(), 0.0F);
  const float* q[kMaxQueries];
  float *out[kMaxQueries], *to[kMaxQueries];
  int64_t seen[kMaxQueries];
  for (int64_t i = 0; i < tile.count; ++i) {
    const int64_t index = tile.first + i, row = chunk.first_row + index / group;
    const int64_t head = tile.head * group + index % group;
    const int64_t position = chunk.sequence->tokens() + index / group;
    float* query = scratch.data() + 2 * i * padded;
    turn(w.qkv.x(row) + head * D, query, D, step.cos ? step.cos + position * (D / 2) : nullptr,
         step.sin ? step.sin + position * (D / 2) : nullptr);
    q[i] = query;
    out[i] = query + padded;
    to[i] = w.attended.x(row) + head * D;
    seen[i] = position + 1;
  }
  step.kernels.attend({step.layout.kind, chunk.sequence->addresses(),
                       step.layout.keys(layer, tile.head), step.layout.values(layer, tile.head),
                       padded, tile.count, q, out, seen, 1.0F / std::sqrt(static_cast<float>(D))});
  for (int64_t i = 0; i < tile.count; ++i) std::copy(out[i], out[i] + D, to[i]);
}

/// Each member has some columns of all rows, in whole runs that are rounded together.
void DecodingBlock::activate(const DecodingStep& step, DecodingWorkspace& w, int member) const {
  const int64_t F = options_.mlp.d_ff, runs = (F + kStepColumns - 1) / kStepColumns;
  const auto share = share_of(runs, member, step.team.size());
  const WorkShare columns{share.begin * kStepColumns, std::min(F, share.end * kStepColumns)};
  if (columns.begin >= columns.end) return;
  const bool gated = options_.mlp.kind == MlpKind::kSwiglu;
  const auto activation = gated ? step.kernels.swiglu : step.kernels.gelu;
  activation({w.up.x(0) + columns.begin, w.activated.x(0) + columns.begin, step.rows,
              columns.end - columns.begin, w.up.stride(), w.activated.stride(), F});
  if (down_.quantized()) w.activated.quantize(step.kernels, {0, step.rows}, columns);
}

}  // namespace gptkit
