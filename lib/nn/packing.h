#pragma once
// Sequences of different lengths, concatenated without padding; other libraries call this varlen
// (the cu_seqlens of FlashAttention). Only attention looks at more than one row, so everything else
// in a model runs on the rows as they are and computes nothing for padding.

#include <torch/types.h>

#include <optional>
#include <vector>

namespace gptkit {

class Packing {
 public:
  /// One sequence per length; the tensors are on `device`. Fails for a length below 1.
  Packing(const std::vector<int64_t>& lengths, torch::Device device);

  int64_t sequences() const { return std::ssize(offsets_) - 1; }  // B
  int64_t rows() const { return offsets_.back(); }                // N
  int64_t longest() const { return longest_; }                    // T

  /// B + 1 numbers: sequence b has the rows from offsets()[b] to before offsets()[b + 1].
  const std::vector<int64_t>& offsets() const { return offsets_; }
  torch::Tensor first_rows() const { return begin_.slice(0, 0, sequences()); }  // int64 (B)
  torch::Tensor last_rows() const { return begin_.slice(0, 1) - 1; }            // int64 (B)
  /// Each row's position in its sequence, int64 (N).
  const torch::Tensor& positions() const { return positions_; }

  /// rows (N,...) -> (B,T,...) with zeros behind each sequence; shares memory when all lengths are
  /// equal.
  torch::Tensor pad(const torch::Tensor& rows) const;
  /// padded (B,T',...) of any T' >= T -> (N,...)
  torch::Tensor unpad(const torch::Tensor& padded) const;
  /// bool (B,1,1,T): which of the padded keys are tokens; empty when all are.
  std::optional<torch::Tensor> mask() const;

 private:
  std::vector<int64_t> offsets_;
  int64_t longest_ = 0;
  bool even_ = true;
  torch::Tensor begin_;      // offsets_, (B + 1)
  torch::Tensor positions_;  // (N)
  torch::Tensor padded_;     // (N): where each row lies in (B T); undefined when even_
};

}  // namespace gptkit
