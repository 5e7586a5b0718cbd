#pragma once
// Of kernels/decoding_impl.h: pages of keys and values.

#include "kernels/lanes/matmul.h"
#include "kernels/lanes/rows.h"

namespace {

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

}  // namespace
