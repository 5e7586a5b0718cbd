#include <ATen/ops/full_like.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>

#include "kernels/reference/reference.h"

namespace gptkit::reference {

using torch::Tensor;

Tensor cross_entropy_chunk(const CrossEntropyChunk& chunk, const Tensor& weight) {
  const auto counted = chunk.targets.ne(chunk.ignored);
  const auto picked = chunk.targets.where(counted, 0).unsqueeze(1);    // (R,1)
  auto logits = at::mm(chunk.hidden, weight.t()).to(torch::kFloat32);  // (R,V)
  const auto total = at::logsumexp(logits, {1}, /*keepdim=*/true);     // (R,1)
  const auto losses = (total - logits.gather(1, picked)).squeeze(1);
  auto sum = losses.where(counted, 0).sum(torch::kFloat64);
  if (!chunk.dhidden.defined() && !chunk.dweight.defined()) return sum;

  auto gradient = logits.sub_(total).exp_();  // softmax, in the logits' memory
  gradient.scatter_add_(1, picked, at::full_like(picked, -1, gradient.options()));
  gradient.mul_(counted.to(torch::kFloat32).unsqueeze(1) * chunk.scale);
  gradient = gradient.to(chunk.hidden.scalar_type());
  if (chunk.dhidden.defined()) chunk.dhidden.copy_(at::mm(gradient, weight));
  if (!chunk.dweight.defined()) return sum;
  const bool same = chunk.dweight.scalar_type() == gradient.scalar_type();
  if (same) {
    chunk.dweight.addmm_(gradient.t(), chunk.hidden, /*beta=*/chunk.fresh ? 0 : 1);
  } else if (chunk.fresh) {
    chunk.dweight.copy_(at::mm(gradient.t(), chunk.hidden));
  } else {
    chunk.dweight.add_(at::mm(gradient.t(), chunk.hidden));
  }
  return sum;
}

}  // namespace gptkit::reference
