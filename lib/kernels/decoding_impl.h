// The kernels of kernels/decoding.h over 16 lanes, written once. Each file that includes this one
// defines `Lanes` (16 float32), `Bytes` (64 bytes), `Sums` (16 int32) and their operations in its
// own anonymous namespace, and is compiled for one set of instructions: reference/decoding.cpp,
// x86/decoding_avx2.cpp, x86/decoding_avx512.cpp. No header with inline functions of the standard
// library belongs here: the linker could choose the copy that was compiled for AVX-512 for all.

#include "kernels/decoding.h"

namespace {

using namespace gptkit;  // NOLINT: a fragment of .cpp files, not a header

// Sums stay in registers only where their indices are known: loops over them are unrolled.
#define GPTKIT_UNROLL _Pragma("GCC unroll 8")

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

/// 127 / most; 0 for what is so small that this overflows, which becomes 0 then.
inline float steps_per_unit(float most) { return most > 1e-35F ? 127.0F / most : 0; }

void quantize_rows(const QuantizeTask& t) {
  for (int64_t n = 0; n < t.count; ++n) {
    float* scale = t.scale + n * (t.stride / 32);
    Lanes wrong = zero();  // NaN from the first value on that is not finite
    for (int64_t step = 0; step < t.width / 32; ++step) {
      const float* x = t.x + n * t.stride + 32 * step;
      const Lanes a = load(x), b = load(x + 16);
      wrong = add(wrong, add(sub(a, a), sub(b, b)));
      const float most = largest(max(magnitude(a), magnitude(b)));
      const float inverse = steps_per_unit(most);
      int8_t* q = t.q + n * t.stride + 32 * step;
      int32_t* sum = t.sum + n * (t.stride / 16) + 2 * step;
      int8_t* fine = t.fine + n * t.stride + 32 * step;
      int32_t* fine_sum = t.fine_sum + n * (t.stride / 16) + 2 * step;
      for (int64_t half = 0; half < 2; ++half) {
        const Lanes units = mul(half == 0 ? a : b, set(inverse));
        sum[half] = store_rounded(q + 16 * half, units);
        const Lanes left = sub(units, load_int8(q + 16 * half));
        fine_sum[half] = store_rounded(fine + 16 * half, mul(left, set(254)));
      }
      scale[step] = most / 127.0F;
    }
    // Whole numbers cannot say that a value was not one: the results of the row must.
    scale[0] += sum_of(wrong);
  }
}

/// f(lanes) for each vector of a row and its index; the last one padded with zeros.
template <class Use>
inline void over_row(const float* x, int64_t width, const Use& use) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) use(i, load(x + i), kLanes);
  if (i < width) use(i, load_some(x + i, width - i), width - i);
}

void normalize_row(const NormTask& t, const float* x, float* out) {
  const float width = static_cast<float>(t.width);
  float mean = 0;
  if (t.bias) {
    Lanes total = zero();
    over_row(x, t.width, [&](int64_t, Lanes v, int64_t) { total = add(total, v); });
    mean = sum_of(total) / width;
  }
  Lanes squares = zero();
  over_row(x, t.width, [&](int64_t, Lanes v, int64_t n) {
    const Lanes d = n == kLanes ? sub(v, set(mean)) : keep_some(sub(v, set(mean)), n);
    squares = fma(d, d, squares);
  });
  const float factor = 1.0F / root(sum_of(squares) / width + static_cast<float>(t.epsilon));
  over_row(x, t.width, [&](int64_t i, Lanes v, int64_t n) {
    Lanes y = mul(mul(sub(v, set(mean)), set(factor)), load_some(t.weight + i, n));
    if (t.bias) y = add(y, load_some(t.bias + i, n));
    store_some(out + i, y, n);
  });
}

void normalize(const NormTask& t) {
  for (int64_t n = 0; n < t.count; ++n) {
    normalize_row(t, t.x + n * t.stride, t.out + n * t.stride);
  }
}

/// e^x; 0 below -87, e^88 above 88.
inline Lanes exponential(Lanes x) {
  const Lanes bounded = min(max(x, set(-87.3F)), set(88.0F));
  const Lanes n = rounded(mul(bounded, set(1.44269504F)));
  // ln 2 in two parts: the first has few bits, so that n times it is exact.
  Lanes r = fma(n, set(-0.693359375F), bounded);
  r = fma(n, set(2.12194440e-4F), r);
  constexpr float kSeries[] = {1.0F / 120, 1.0F / 24, 1.0F / 6, 0.5F, 1.0F, 1.0F};
  Lanes p = set(1.0F / 720);
  for (const float c : kSeries) p = fma(p, r, set(c));
  return zero_below(x, -87.3F, mul(p, power_of_two(n)));
}

/// 1 / (1 + e^-x)
inline Lanes logistic(Lanes x) { return divide(set(1), add(set(1), exponential(sub(zero(), x)))); }

/// GELU's tanh form (arXiv:1606.08415): 0.5 x (1 + tanh z) = x / (1 + e^-2z)
void gelu(const ActivationTask& t) {
  for (int64_t n = 0; n < t.count; ++n) {
    const float* x = t.x + n * t.stride;
    float* out = t.out + n * t.out_stride;
    over_row(x, t.width, [&](int64_t i, Lanes v, int64_t lanes) {
      const Lanes cubic = fma(mul(set(0.044715F), mul(v, v)), v, v);
      store_some(out + i, mul(v, logistic(mul(set(2 * 0.7978845608F), cubic))), lanes);
    });
  }
}

void swiglu(const ActivationTask& t) {
  for (int64_t n = 0; n < t.count; ++n) {
    const float* x = t.x + n * t.stride;
    float* out = t.out + n * t.out_stride;
    over_row(x, t.width, [&](int64_t i, Lanes v, int64_t lanes) {
      store_some(out + i, mul(mul(v, logistic(v)), load_some(x + t.up + i, lanes)), lanes);
    });
  }
}

// Attention. A page's scores are 32 lanes per query; sums over tokens run page by page (online
// softmax, arXiv:1805.02867), so a result does not depend on when the tokens were computed.

/// 16 neighbours of a page's keys or values as float32, without their scales.
template <CacheKind kind>
inline Lanes load_cached(const std::byte* base, int64_t index) {
  if constexpr (kind == CacheKind::kFloat32) {
    return load(reinterpret_cast<const float*>(base) + index);
  } else if constexpr (kind == CacheKind::kBFloat16) {
    return load_bfloat16(halves(base) + index);
  } else {
    return load_int8(reinterpret_cast<const int8_t*>(base) + index);
  }
}

inline const float* token_scales(const std::byte* base, int64_t head_dim) {
  return reinterpret_cast<const float*>(base + head_dim * kPageTokens);
}

/// What one query has gathered so far.
struct Gathered {
  float most, total;
};

/// Scores of one page, exponentiated: weights[query][token]; scales what is gathered already.
template <CacheKind kind, int64_t Q>
inline void weigh_page(const AttentionTask& t, const std::byte* keys, int64_t first_token,
                       float (&weights)[Q][kPageTokens], Gathered (&gathered)[Q],
                       float (&shrink)[Q]) {
  Lanes low[Q], high[Q];
  GPTKIT_UNROLL
  for (int64_t n = 0; n < Q; ++n) low[n] = high[n] = zero();
  for (int64_t d = 0; d < t.head_dim; ++d) {
    const Lanes a = load_cached<kind>(keys, d * kPageTokens);
    const Lanes b = load_cached<kind>(keys, d * kPageTokens + kLanes);
    GPTKIT_UNROLL
    for (int64_t n = 0; n < Q; ++n) {
      const Lanes q = set(t.q[n][d]);
      low[n] = fma(a, q, low[n]);
      high[n] = fma(b, q, high[n]);
    }
  }
  GPTKIT_UNROLL
  for (int64_t n = 0; n < Q; ++n) {
    Lanes a = mul(low[n], set(t.scale)), b = mul(high[n], set(t.scale));
    if constexpr (kind == CacheKind::kInt8) {
      a = mul(a, load(token_scales(keys, t.head_dim)));
      b = mul(b, load(token_scales(keys, t.head_dim) + kLanes));
    }
    const int64_t seen = t.seen[n] - first_token;  // of this page
    a = lower_beyond(a, seen);
    b = lower_beyond(b, seen - kLanes);
    const float most = largest(max(a, b));
    const float now = most > gathered[n].most ? most : gathered[n].most;
    shrink[n] = first_lane(exponential(set(gathered[n].most - now)));
    a = zero_beyond(exponential(sub(a, set(now))), seen);
    b = zero_beyond(exponential(sub(b, set(now))), seen - kLanes);
    gathered[n].total = gathered[n].total * shrink[n] + sum_of(add(a, b));
    gathered[n].most = now;
    store(weights[n], a);
    store(weights[n] + kLanes, b);
  }
}

/// out = out * shrink + weights V, for 16 W neighbours of the head from `d` on.
template <CacheKind kind, int64_t Q, int64_t W>
inline void gather_values(const AttentionTask& t, const std::byte* values, int64_t d,
                          int64_t tokens, const float (&weights)[Q][kPageTokens],
                          const float (&shrink)[Q]) {
  Lanes sums[Q][W];
  GPTKIT_UNROLL
  for (int64_t n = 0; n < Q; ++n) {
    GPTKIT_UNROLL
    for (int64_t w = 0; w < W; ++w) {
      sums[n][w] = mul(load(t.out[n] + d + w * kLanes), set(shrink[n]));
    }
  }
  for (int64_t token = 0; token < tokens; ++token) {
    Lanes v[W];
    GPTKIT_UNROLL
    for (int64_t w = 0; w < W; ++w) {
      v[w] = load_cached<kind>(values, token * t.head_dim + d + w * kLanes);
    }
    GPTKIT_UNROLL
    for (int64_t n = 0; n < Q; ++n) {
      float weight = weights[n][token];
      if constexpr (kind == CacheKind::kInt8) weight *= token_scales(values, t.head_dim)[token];
      GPTKIT_UNROLL
      for (int64_t w = 0; w < W; ++w) sums[n][w] = fma(v[w], set(weight), sums[n][w]);
    }
  }
  GPTKIT_UNROLL
  for (int64_t n = 0; n < Q; ++n) {
    GPTKIT_UNROLL
    for (int64_t w = 0; w < W; ++w) store(t.out[n] + d + w * kLanes, sums[n][w]);
  }
}

template <CacheKind kind, int64_t Q>
void attend_with(const AttentionTask& t) {
  Gathered gathered[Q];
  int64_t longest = 0;
  for (int64_t n = 0; n < Q; ++n) {
    gathered[n] = {-1e30F, 0};
    longest = t.seen[n] > longest ? t.seen[n] : longest;
    for (int64_t d = 0; d < t.head_dim; d += kLanes) store(t.out[n] + d, zero());
  }
  for (int64_t first = 0; first < longest; first += kPageTokens) {
    const std::byte* page = t.pages[first / kPageTokens];
    float weights[Q][kPageTokens];
    float shrink[Q];
    weigh_page<kind, Q>(t, page + t.keys, first, weights, gathered, shrink);
    const int64_t tokens = longest - first < kPageTokens ? longest - first : kPageTokens;
    int64_t d = 0;
    constexpr int64_t W = 4;
    for (; d + W * kLanes <= t.head_dim; d += W * kLanes) {
      gather_values<kind, Q, W>(t, page + t.values, d, tokens, weights, shrink);
    }
    for (; d < t.head_dim; d += kLanes) {
      gather_values<kind, Q, 1>(t, page + t.values, d, tokens, weights, shrink);
    }
  }
  for (int64_t n = 0; n < Q; ++n) {
    const Lanes share = set(1.0F / gathered[n].total);
    for (int64_t d = 0; d < t.head_dim; d += kLanes) {
      store(t.out[n] + d, mul(load(t.out[n] + d), share));
    }
  }
}

template <CacheKind kind>
void attend_cached(const AttentionTask& t) {
  switch (t.queries) {
    case 1:
      return attend_with<kind, 1>(t);
    case 2:
      return attend_with<kind, 2>(t);
    case 3:
      return attend_with<kind, 3>(t);
    default:
      return attend_with<kind, 4>(t);
  }
}

void attend(const AttentionTask& t) {
  switch (t.cache) {
    case CacheKind::kFloat32:
      return attend_cached<CacheKind::kFloat32>(t);
    case CacheKind::kBFloat16:
      return attend_cached<CacheKind::kBFloat16>(t);
    case CacheKind::kInt8:
      return attend_cached<CacheKind::kInt8>(t);
  }
}

/// Element `index` of a page, rounded to the nearest bfloat16.
inline void store_bfloat16(std::byte* base, int64_t index, float value) {
  uint32_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  bits += 0x7FFF + (bits >> 16 & 1);
  reinterpret_cast<uint16_t*>(base)[index] = static_cast<uint16_t>(bits >> 16);
}

/// One token's vector, element d at `index(d)` of the page.
template <class Index>
inline void store_cached(CacheKind kind, std::byte* base, int64_t head_dim, int64_t slot,
                         const float* x, const Index& index) {
  if (kind == CacheKind::kFloat32) {
    for (int64_t d = 0; d < head_dim; ++d) reinterpret_cast<float*>(base)[index(d)] = x[d];
  } else if (kind == CacheKind::kBFloat16) {
    for (int64_t d = 0; d < head_dim; ++d) store_bfloat16(base, index(d), x[d]);
  } else {
    Lanes most = zero();
    for (int64_t d = 0; d < head_dim; d += kLanes) most = max(most, magnitude(load(x + d)));
    const float all = largest(most), inverse = steps_per_unit(all);
    reinterpret_cast<float*>(base + head_dim * kPageTokens)[slot] = all / 127.0F;
    for (int64_t d = 0; d < head_dim; d += kLanes) {
      int8_t q[kLanes];
      store_rounded(q, mul(load(x + d), set(inverse)));
      for (int64_t i = 0; i < kLanes; ++i) reinterpret_cast<int8_t*>(base)[index(d + i)] = q[i];
    }
  }
}

void write_cache(const CacheWriteTask& t) {
  store_cached(t.cache, t.page + t.keys, t.head_dim, t.slot, t.key,
               [&](int64_t d) { return d * kPageTokens + t.slot; });
  store_cached(t.cache, t.page + t.values, t.head_dim, t.slot, t.value,
               [&](int64_t d) { return t.slot * t.head_dim + d; });
}

int64_t argmax(const float* values, int64_t count) {
  Lanes most = set(values[0]), wrong = zero();
  over_row(values, count, [&](int64_t, Lanes v, int64_t n) {
    // x - x is 0 for a finite x, and NaN otherwise.
    wrong = add(wrong, n == kLanes ? sub(v, v) : keep_some(sub(v, v), n));
    if (n == kLanes) most = max(most, v);
  });
  if (!(sum_of(wrong) == 0)) return -1;
  float best = largest(most);
  for (int64_t i = count / kLanes * kLanes; i < count; ++i) {
    best = values[i] > best ? values[i] : best;
  }
  for (int64_t i = 0; i < count; ++i) {
    if (values[i] == best) return i;
  }
  return -1;
}

const DecodingKernels kKernels = {multiply, quantize_rows, normalize, gelu, swiglu,
                                  attend,   write_cache,   argmax,    kName};

}  // namespace
