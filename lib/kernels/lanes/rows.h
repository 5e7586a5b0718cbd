#pragma once
// Of kernels/decoding_impl.h: what is computed row by row.

namespace {

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

}  // namespace
