#pragma once
// Attention over sequences that lie one behind the other and may differ in length: y_t = sum over s
// of softmax_s(q_t k_s / sqrt(D)) v_s, per head; s goes over the tokens of the same sequence up to
// t, or over all of them.
//
// Shapes     qkv (...,3C), N rows in all: queries, keys and values side by side, H heads of D = C/H
//            each -> (...,C). Sequence b has the rows offsets[b] to before offsets[b + 1]; the
//            last offset is N.
// dtypes     variants take bfloat16 on the CPU with float32 sums; the reference takes all
// tolerance  relative to the largest result, in bfloat16: 2/256, gradients 4/256
// property   the results of a sequence do not depend on the other sequences, to the bit

#include <torch/types.h>

#include <vector>

namespace gptkit {

torch::Tensor packed_attention(const torch::Tensor& qkv, const std::vector<int64_t>& offsets,
                               int64_t H, bool causal = true);

/// Whether a variant of packed_attention takes a qkv of this dtype and device with heads of this
/// size.
bool fits_packed_attention(const torch::Tensor& qkv, int64_t head_dim);

/// Offsets of B sequences of T tokens each: 0, T ... B T.
std::vector<int64_t> even_offsets(int64_t B, int64_t T);

}  // namespace gptkit
