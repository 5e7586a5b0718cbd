#include "nn/attention.h"

#include <ATen/ops/linear.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "nn_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::close;

Attention filled(const AttentionOptions& options) {
  Attention attention(options);
  test::fill(*attention);
  return attention;
}

/// The formula, with every score in memory.
torch::Tensor plain(const Attention& attention, const AttentionOptions& o, const torch::Tensor& x) {
  const int64_t B = x.size(0), T = x.size(1), H = o.n_head, G = o.n_kv_head, D = o.d_head;
  const auto parts = at::linear(x, attention->qkv()->weight, attention->qkv()->bias)
                         .split_with_sizes({H * D, G * D, G * D}, -1);
  const auto heads = [&](const torch::Tensor& t, int64_t n) {
    return t.view({B, T, n, D}).transpose(1, 2).repeat_interleave(H / n, 1);  // (B,H,T,D)
  };
  auto scores = heads(parts[0], H).matmul(heads(parts[1], G).transpose(-2, -1)) /
                std::sqrt(static_cast<double>(D));  // (B,H,T,T)
  if (o.causal) {
    scores.masked_fill_(torch::ones({T, T}, torch::kBool).triu(1),
                        -std::numeric_limits<float>::infinity());
  }
  const auto y = scores.softmax(-1).matmul(heads(parts[2], G)).transpose(1, 2);
  return at::linear(y.reshape({B, T, H * D}), attention->proj()->weight, attention->proj()->bias);
}

TEST(Attention, EqualsTheFormulaCausalOrNotWithSharedKeysOrWithout) {
  torch::manual_seed(1);
  const torch::NoGradGuard no_grad;
  for (const bool causal : {true, false}) {
    for (const int64_t G : {1, 2, 4}) {
      const AttentionOptions options{
          .d_model = 12, .n_head = 4, .n_kv_head = G, .d_head = 6, .causal = causal};
      auto attention = filled(options);
      const auto x = torch::randn({2, 7, 12});
      const auto y = attention(x);
      EXPECT_EQ(y.sizes(), x.sizes());
      EXPECT_TRUE(close(y, plain(attention, options, x))) << G << " key heads, causal " << causal;
    }
  }
}

TEST(Attention, ACausalTokenDoesNotSeeLaterOnes) {
  torch::manual_seed(2);
  const torch::NoGradGuard no_grad;
  auto attention = filled({.d_model = 8, .n_head = 2, .n_kv_head = 2, .d_head = 4});
  auto x = torch::randn({1, 6, 8});
  const auto before = attention(x).slice(1, 0, 4).clone();
  x.slice(1, 4).normal_();
  EXPECT_TRUE(close(attention(x).slice(1, 0, 4), before));
}

TEST(Attention, RefusesMoreTokensThanItsCacheHolds) {
  const torch::NoGradGuard no_grad;
  auto attention = filled({.d_model = 8, .n_head = 2, .n_kv_head = 1, .d_head = 4});
  LayerCache cache(1, 1, /*max_tokens=*/3, 4, torch::kFloat32);
  test::expect_error(
      [&] {
        attention(torch::randn({1, 4, 8}), &cache);
      },
      "the key/value cache holds 3 tokens and 4 were fed");
}

/// A random layer, and rotations for it or none.
struct RandomLayer {
  AttentionOptions options;
  Attention attention{nullptr};
  RotaryTable table{RotaryOptions{.d_head = 2}};
  bool rotary;

  RandomLayer() {
    const int64_t G = *rc::gen::inRange<int64_t>(1, 4);
    const int64_t D = 2 * *rc::gen::inRange<int64_t>(1, 9);
    options = {.d_model = *rc::gen::inRange<int64_t>(1, 20),
               .n_head = G * *rc::gen::inRange<int64_t>(1, 4),
               .n_kv_head = G,
               .d_head = D,
               .qkv_bias = *rc::gen::arbitrary<bool>(),
               .proj_bias = *rc::gen::arbitrary<bool>()};
    rotary = *rc::gen::arbitrary<bool>();
    torch::manual_seed(*rc::gen::inRange<uint64_t>(0, 1000));
    attention = filled(options);
    table = RotaryTable(RotaryOptions{.d_head = D});
  }

  torch::Tensor run(const torch::Tensor& x, int64_t past = 0, LayerCache* cache = nullptr) {
    if (!rotary) return attention(x, cache);
    const auto rotation = table.at(past, x.size(1), x);
    return attention(x, cache, &rotation);
  }
};

RC_GTEST_PROP(AttentionLaw, ChunksThroughACacheGiveWhatOnePassGives, ()) {
  const torch::NoGradGuard no_grad;
  RandomLayer layer;
  const int64_t B = *rc::gen::inRange<int64_t>(1, 4);
  const auto chunks =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(1, 6)));
  int64_t T = 0;
  for (const auto chunk : chunks) T += chunk;
  const auto x = torch::randn({B, T, layer.options.d_model});
  const auto want = layer.run(x);
  LayerCache cache(B, layer.options.n_kv_head, T, layer.options.d_head, x.options());
  std::vector<torch::Tensor> got;
  int64_t past = 0;
  for (const auto chunk : chunks) {
    got.push_back(layer.run(x.slice(1, past, past + chunk), past, &cache));
    past += chunk;
  }
  RC_ASSERT(close(torch::cat(got, 1), want));
}

RC_GTEST_PROP(AttentionLaw, APackedSequenceGivesWhatItGivesAlone, ()) {
  const torch::NoGradGuard no_grad;
  RandomLayer layer;
  layer.attention->set_causal(*rc::gen::arbitrary<bool>());
  const auto lengths =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int64_t>>(rc::gen::inRange<int64_t>(1, 9)));
  const Packing packing(lengths, torch::kCPU);
  const auto x = torch::randn({1, packing.rows(), layer.options.d_model});
  torch::Tensor got, last;
  if (layer.rotary) {
    const auto all = layer.table.at(0, packing.longest(), x);
    const Rotation rotation{all.cos.index_select(0, packing.positions()),
                            all.sin.index_select(0, packing.positions())};
    got = layer.attention(x, nullptr, &rotation, &packing);
    last = layer.attention->forward_at(x[0], packing, packing.last_rows(), &rotation);
  } else {
    got = layer.attention(x, nullptr, nullptr, &packing);
    last = layer.attention->forward_at(x[0], packing, packing.last_rows());
  }
  for (size_t b = 0; b < lengths.size(); ++b) {
    const int64_t begin = packing.offsets()[b], end = packing.offsets()[b + 1];
    RC_ASSERT(close(got.slice(1, begin, end), layer.run(x.slice(1, begin, end))));
  }
  RC_ASSERT(close(last, got[0].index_select(0, packing.last_rows())));
}

}  // namespace
}  // namespace gptkit
