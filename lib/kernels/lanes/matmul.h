#pragma once
// Of kernels/decoding_impl.h: products of panels and inputs.

namespace {

template <int64_t N>
struct Tile {
  const InputRows& in;
  int64_t first;  // row of the inputs

  const float* x(int64_t n) const { return in.x + (first + n) * in.stride; }
  const int8_t* q(int64_t n) const { return in.q + (first + n) * in.stride; }
  const float* scale(int64_t n) const { return in.scale + (first + n) * (in.stride / 32); }
  const int32_t* sum(int64_t n) const { return in.sum + (first + n) * (in.stride / 16); }
  const int8_t* fine(int64_t n) const { return in.fine + (first + n) * in.stride; }
  const int32_t* fine_sum(int64_t n) const { return in.fine_sum + (first + n) * (in.stride / 16); }
};

/// Weights are read once, in order, in runs that are too short for the processor to foresee: asking
/// for them so many bytes ahead doubles the speed of one input (q4_0, Zen 5).
constexpr int64_t kAhead = 6144;
inline void prefetch(const std::byte* at) { __builtin_prefetch(at); }

inline const uint16_t* halves(const std::byte* at) { return reinterpret_cast<const uint16_t*>(at); }

template <int64_t N>
inline void store_tile(const Panels& w, const OutputRows& out, int64_t panel, int64_t row,
                       const Lanes (&sums)[N]) {
  const int64_t at = panel * kLanes, here = w.rows - at < kLanes ? w.rows - at : kLanes;
  GPTKIT_UNROLL
  for (int64_t n = 0; n < N; ++n) {
    float* y = out.y + (row + n) * out.stride + at;
    Lanes value = sums[n];
    if (out.bias) value = add(value, load_some(out.bias + at, here));
    if (out.add) value = add(value, load(y));
    store(y, value);  // up to kLanes: the stride has room
  }
}

/// Columns one by one, with the elements of a column in one vector or of two columns in two.
template <PanelKind kind, int64_t P, int64_t N>
inline void float_tile(const Panels& w, const Tile<N>& in, const OutputRows& out, int64_t panel) {
  Lanes sums[P][N];
  GPTKIT_UNROLL
  for (auto& row : sums) {
    for (auto& sum : row) sum = zero();
  }
  const float* x[N];
  GPTKIT_UNROLL
  for (int64_t n = 0; n < N; ++n) x[n] = in.x(n);
  const std::byte* at[P];
  GPTKIT_UNROLL
  for (int64_t p = 0; p < P; ++p) at[p] = w.panel(panel + p);
  constexpr int64_t kStep = kind == PanelKind::kFloat16 ? 1 : kind == PanelKind::kFloat32 ? 1 : 2;
  constexpr int64_t kBytesAtOnce = kind == PanelKind::kFloat16 ? 32 : 64;
  for (int64_t k = 0; k < w.padded; k += kStep) {
    Lanes a[P], b[P];
    GPTKIT_UNROLL
    for (int64_t p = 0; p < P; ++p) {
      if constexpr (kind == PanelKind::kFloat32) {
        a[p] = load(reinterpret_cast<const float*>(at[p]));
      } else if constexpr (kind == PanelKind::kFloat16) {
        a[p] = load_half(halves(at[p]));
      } else {
        load_bfloat16_pairs(at[p], a[p], b[p]);
      }
      at[p] += kBytesAtOnce;
    }
    GPTKIT_UNROLL
    for (int64_t n = 0; n < N; ++n) {
      const Lanes first = set(x[n][k]);
      GPTKIT_UNROLL
      for (int64_t p = 0; p < P; ++p) sums[p][n] = fma(a[p], first, sums[p][n]);
      if constexpr (kStep == 2) {
        const Lanes second = set(x[n][k + 1]);
        GPTKIT_UNROLL
        for (int64_t p = 0; p < P; ++p) sums[p][n] = fma(b[p], second, sums[p][n]);
      }
    }
  }
  GPTKIT_UNROLL
  for (int64_t p = 0; p < P; ++p) store_tile<N>(w, out, panel + p, in.first, sums[p]);
}

/// The vectors of 32 columns of one panel: eight of four columns each.
template <PanelKind kind>
inline void load_step(const std::byte* at, Bytes (&u)[8]) {
  if constexpr (kind == PanelKind::kBytes) {
    GPTKIT_UNROLL
    for (int64_t v = 0; v < 8; ++v) u[v] = load_bytes(at + 64 * v);
  } else {
    GPTKIT_UNROLL
    for (int64_t v = 0; v < 4; ++v) {
      const Bytes both = load_bytes(at + 64 * v);
      u[v] = low_halves(both);
      u[v + 4] = high_halves(both);
    }
  }
}

template <PanelKind kind>
inline constexpr int64_t kStepBytes = kind == PanelKind::kBytes ? 512 : 256;

/// Whole numbers: per run of 32 columns the products are summed exactly, then scaled.
template <PanelKind kind, int kGroup, bool kMinima, int64_t N>
inline void quantized_tile(const Panels& w, const Tile<N>& in, const OutputRows& out,
                           int64_t panel) {
  constexpr int32_t kZero = kMinima ? 0 : kind == PanelKind::kBytes ? 128 : 8;
  constexpr int64_t kRuns = kGroup == 16 ? 2 : 1;  // of a step, each with its own scale
  constexpr bool kFine = kind == PanelKind::kBytes && kGroup == 64;
  Lanes sums[N];
  const int8_t* q[N];
  const float* scale[N];
  const int32_t* total[N];
  GPTKIT_UNROLL
  for (int64_t n = 0; n < N; ++n) {
    sums[n] = zero();
    q[n] = in.q(n);
    scale[n] = in.scale(n);
    total[n] = in.sum(n);
  }
  const std::byte* at = w.panel(panel);
  const uint16_t *d = halves(at + w.scales), *m = halves(at + w.minimum);
  for (int64_t step = 0; step < w.padded / 32; ++step, at += kStepBytes<kind>) {
    GPTKIT_UNROLL
    for (int64_t v = 0; v < kStepBytes<kind> / 64; ++v) prefetch(at + kAhead + 64 * v);
    // Scales stand apart: those of the next panel come as far ahead as this one is long.
    const int64_t group = step * 32 / kGroup * kLanes;
    prefetch(reinterpret_cast<const std::byte*>(d + group) + w.stride);
    if constexpr (kMinima) prefetch(reinterpret_cast<const std::byte*>(m + group) + w.stride);
    Bytes u[8];
    load_step<kind>(at, u);
    Lanes factor[kRuns], minimum = zero();
    GPTKIT_UNROLL
    for (int64_t run = 0; run < kRuns; ++run) factor[run] = load_half(d + group + run * kLanes);
    if constexpr (kMinima) minimum = load_half(m + group);
    GPTKIT_UNROLL
    for (int64_t n = 0; n < N; ++n) {
      const Lanes by = set(scale[n][step]);
      GPTKIT_UNROLL
      for (int64_t run = 0; run < kRuns; ++run) {
        int32_t all = total[n][2 * step + run];
        if constexpr (kRuns == 1) all += total[n][2 * step + 1];
        Sums sum = first_sum<kZero>(all);
        GPTKIT_UNROLL
        for (int64_t v = run * 8 / kRuns; v < (run + 1) * 8 / kRuns; ++v) {
          sum = dot4<kZero == 128>(sum, u[v], q[n] + 32 * step + 4 * v);
        }
        Lanes dot = to_float(sum);
        if constexpr (kFine) {
          const int32_t* total_fine = in.fine_sum(n) + 2 * step;
          Sums fine = first_sum<kZero>(total_fine[0] + total_fine[1]);
          GPTKIT_UNROLL
          for (int64_t v = 0; v < 8; ++v) {
            fine = dot4<kZero == 128>(fine, u[v], in.fine(n) + 32 * step + 4 * v);
          }
          dot = fma(to_float(fine), set(1.0F / 254), dot);
        }
        sums[n] = fma(mul(dot, by), factor[run], sums[n]);
        if constexpr (kMinima) {
          sums[n] = fma(minimum, mul(by, set(static_cast<float>(all))), sums[n]);
        }
      }
    }
  }
  store_tile<N>(w, out, panel, in.first, sums);
}

/// Panels together, so that enough sums are under way while each waits for its last addition.
template <int64_t N, class Tiler>
inline void over_panels(const Tiler& tile, int64_t first, int64_t last, int64_t row) {
  constexpr int64_t P = Tiler::panels(N);
  int64_t panel = first;
  for (; panel + P <= last; panel += P) tile.template run<P, N>(panel, row);
  if constexpr (P > 1) {
    for (; panel < last; ++panel) tile.template run<1, N>(panel, row);
  }
}

/// All inputs, eight or fewer at a time, pass over a few panels while those are in the cache.
template <class Tiler>
inline void over_tiles(const Tiler& tile, int64_t first, int64_t last, int64_t count) {
  for (int64_t panel = first; panel < last; panel += Tiler::kBlock) {
    const int64_t end = panel + Tiler::kBlock < last ? panel + Tiler::kBlock : last;
    int64_t row = 0;
    if constexpr (kMostColumns == 8) {
      for (; row + 8 <= count; row += 8) over_panels<8>(tile, panel, end, row);
    }
    for (; row + 4 <= count; row += 4) over_panels<4>(tile, panel, end, row);
    if (row + 2 <= count) over_panels<2>(tile, panel, end, row), row += 2;
    if (row < count) over_panels<1>(tile, panel, end, row);
  }
}

template <PanelKind kind>
struct FloatTiler {
  static constexpr int64_t kBlock = 8;
  static constexpr int64_t panels(int64_t N) {
    return kMostColumns == 8 ? (N == 1 ? 8 : N == 8 ? 2 : 4) : (N == 1 ? 4 : N == 2 ? 2 : 1);
  }
  const Panels& w;
  const InputRows& in;
  const OutputRows& out;
  template <int64_t P, int64_t N>
  void run(int64_t panel, int64_t row) const {
    float_tile<kind, P, N>(w, {in, row}, out, panel);
  }
};

template <PanelKind kind, int kGroup, bool kMinima>
struct QuantizedTiler {
  static constexpr int64_t kBlock = 4;
  static constexpr int64_t panels(int64_t) { return 1; }
  const Panels& w;
  const InputRows& in;
  const OutputRows& out;
  template <int64_t, int64_t N>
  void run(int64_t panel, int64_t row) const {
    quantized_tile<kind, kGroup, kMinima, N>(w, {in, row}, out, panel);
  }
};

template <PanelKind kind>
void multiply_floats(const Panels& w, const InputRows& x, const OutputRows& y, int64_t first,
                     int64_t last) {
  // Inputs are cut, too: a few panels and all the inputs would not fit into the cache together.
  constexpr int64_t kInputs = 128;
  for (int64_t row = 0; row < x.count; row += kInputs) {
    InputRows some = x;
    some.x += row * x.stride;
    some.count = x.count - row < kInputs ? x.count - row : kInputs;
    OutputRows there = y;
    there.y += row * y.stride;
    over_tiles(FloatTiler<kind>{w, some, there}, first, last, some.count);
  }
}

template <PanelKind kind, int kGroup, bool kMinima>
void multiply_quantized(const Panels& w, const InputRows& x, const OutputRows& y, int64_t first,
                        int64_t last) {
  over_tiles(QuantizedTiler<kind, kGroup, kMinima>{w, x, y}, first, last, x.count);
}

template <PanelKind kind>
void multiply_groups(const Panels& w, const InputRows& x, const OutputRows& y, int64_t first,
                     int64_t last) {
  if (w.group == 64) return multiply_quantized<kind, 64, false>(w, x, y, first, last);
  if (w.group == 16) return multiply_quantized<kind, 16, false>(w, x, y, first, last);
  if (w.minima) return multiply_quantized<kind, 32, true>(w, x, y, first, last);
  multiply_quantized<kind, 32, false>(w, x, y, first, last);
}

void multiply(const Panels& w, const InputRows& x, const OutputRows& y, int64_t first,
              int64_t last) {
  switch (w.kind) {
    case PanelKind::kFloat32:
      return multiply_floats<PanelKind::kFloat32>(w, x, y, first, last);
    case PanelKind::kBFloat16:
      return multiply_floats<PanelKind::kBFloat16>(w, x, y, first, last);
    case PanelKind::kFloat16:
      return multiply_floats<PanelKind::kFloat16>(w, x, y, first, last);
    case PanelKind::kBytes:
      return multiply_groups<PanelKind::kBytes>(w, x, y, first, last);
    case PanelKind::kNibbles:
      return multiply_groups<PanelKind::kNibbles>(w, x, y, first, last);
  }
}

}  // namespace
