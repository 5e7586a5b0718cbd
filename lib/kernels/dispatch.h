#pragma once
// Which implementation of each operation runs: one table, filled once from what the processor has.
// The environment variable GPTKIT_ISA chooses a lower level. An operation that has no variant at a
// level runs the variant of the next lower level, at last the reference (lib/doc/kernels.md).

#include <torch/types.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptkit {

/// Sets of instructions, each with all before it. On processors that are not x86-64 the only level
/// is the reference.
enum class Isa {
  kReference,   ///< LibTorch's own functions, which choose their instructions themselves
  kAvx2,        ///< AVX2 and FMA
  kAvx512,      ///< AVX-512 F, BW, DQ, VL
  kAvx512Bf16,  ///< and AVX-512 BF16
  kAmx,         ///< and AMX tiles of bfloat16
};
constexpr auto enum_names(Isa) {
  return std::array{std::pair{"reference", Isa::kReference}, std::pair{"avx2", Isa::kAvx2},
                    std::pair{"avx512", Isa::kAvx512}, std::pair{"avx512bf16", Isa::kAvx512Bf16},
                    std::pair{"amx", Isa::kAmx}};
}
std::string_view name(Isa isa);

/// An implementation for a level; null where the reference runs.
template <class Function>
struct Variant {
  Function* run = nullptr;
  Isa isa = Isa::kReference;
  explicit operator bool() const { return run != nullptr; }
};

struct CrossEntropyChunk;
struct DecodingKernels;
struct Gpt2BlockWeights;
struct HeadCounts;

/// The variants of a level. Each has the signature of the function of the same name in this
/// folder's headers, which state what it computes; those functions also check what it takes.
struct KernelTable {
  using Tensor = torch::Tensor;

  Isa isa = Isa::kReference;
  Variant<Tensor(const Tensor& x, const Tensor& weight, const Tensor& bias)> autocast_linear;
  Variant<Tensor(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& a,
                 const Tensor& b)>
      autocast_lora_linear;
  Variant<Tensor(const Tensor& qkv, const std::vector<int64_t>& offsets, int64_t H, bool causal)>
      packed_attention;
  Variant<Tensor(const Tensor& qkv, HeadCounts heads, const Tensor& cos, const Tensor& sin)>
      rotate_heads;
  Variant<Tensor(const Tensor& x, const Tensor& weight, double epsilon)> rms_norm;
  Variant<Tensor(const Tensor& u)> gelu_tanh;
  Variant<Tensor(const Tensor& gate_up)> swiglu;
  Variant<Tensor(const Tensor& x, const std::vector<int64_t>& offsets,
                 const Gpt2BlockWeights& weights, int64_t n_head, double epsilon)>
      gpt2_block;
  Variant<double(const CrossEntropyChunk& chunk, const Tensor& weight)> cross_entropy;
  const DecodingKernels* decoding = nullptr;  // never null in the table in use
};

/// The table in use. The first call fills it, and fails for a GPTKIT_ISA that is no level or that
/// this processor lacks, naming the levels that it has.
const KernelTable& kernels();

/// The levels that this machine can run, lowest first.
std::vector<Isa> available_isas();

/// Whether matrix multiplications in bfloat16 run in hardware, through a variant of ours.
inline bool has_bfloat16_matmul() { return static_cast<bool>(kernels().autocast_linear); }

/// For --version: "avx512bf16 of reference, avx2, avx512, avx512bf16: matmul avx512bf16, ...", the
/// level in use, the levels of this machine and that of each operation.
std::string describe_kernels();

/// Another level while it lives, for tests; no kernel may run meanwhile in another thread.
class IsaScope {
 public:
  explicit IsaScope(Isa isa);
  ~IsaScope();
  IsaScope(const IsaScope&) = delete;
  IsaScope& operator=(const IsaScope&) = delete;

 private:
  KernelTable table_;
  const KernelTable* before_;
};

}  // namespace gptkit
