#include "kernels/x86/variants.h"

#include <cpuid.h>

#include <cstdlib>
#include <exception>
#include <string_view>

#include "kernels/x86/decoding_variants.h"
#include "kernels/x86/panels.h"

namespace gptkit::x86 {

namespace {

/// The processor has AMX's bfloat16 tiles. oneDNN asks the operating system for them.
bool has_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kBf16 = 1U << 22, kTile = 1U << 24;
  return (d & kBf16) && (d & kTile);
}

/// Whether the environment variable allows oneDNN this level; it allows all without it.
bool onednn_may_use_amx() {
  const char* limit = std::getenv("ONEDNN_MAX_CPU_ISA");
  if (!limit) limit = std::getenv("DNNL_MAX_CPU_ISA");
  if (!limit || !*limit) return true;
  const std::string_view text(limit);
  return text.find("AMX") != text.npos || text == "ALL" || text == "DEFAULT";
}

/// On a processor with AMX oneDNN would use it at the level below too. It reads the variable once,
/// at its first multiplication.
void limit_onednn() {
  const char* level = std::getenv("GPTKIT_ISA");
  if (level && std::string_view(level) == "avx512bf16" && has_amx()) {
    ::setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", /*overwrite=*/0);
  }
}

/// Tries the inner loop once: oneDNN may lack it, or ONEDNN_MAX_CPU_ISA may forbid it.
bool multiplies_bfloat16() {
  using panels::kPanel;
  limit_onednn();
  try {
    std::vector<float> ones(32 * kPanel, 1.0F);
    std::vector<c10::BFloat16> a(32, c10::BFloat16(1.0F)), panel(32 * kPanel);
    panels::pack_columns(ones.data(), kPanel, kPanel, 32, panel.data());
    panels::multiply(1, kPanel, 32, a.data(), 32, panel.data(), ones.data(), kPanel, false);
    panels::release();
    return ones[0] == 32.0F && ones[kPanel - 1] == 32.0F;
  } catch (const std::exception&) {
    return false;
  }
}

std::vector<Isa> find_isas() {
  std::vector<Isa> levels{Isa::kReference};
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return levels;
  levels.push_back(Isa::kAvx2);
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return levels;
  }
  levels.push_back(Isa::kAvx512);
  if (!__builtin_cpu_supports("avx512bf16") || !multiplies_bfloat16()) return levels;
  levels.push_back(Isa::kAvx512Bf16);
  if (has_amx() && onednn_may_use_amx()) levels.push_back(Isa::kAmx);
  return levels;
}

}  // namespace

std::vector<Isa> available_isas() {
  static const std::vector<Isa> levels = find_isas();
  return levels;
}

void add_variants(Isa isa, KernelTable& table) {
  if (isa >= Isa::kAvx2 && __builtin_cpu_supports("f16c")) table.decoding = &decoding_avx2();
  if (isa >= Isa::kAvx512 && __builtin_cpu_supports("avx512vnni")) {
    table.decoding = &decoding_avx512();
  }
  if (isa < Isa::kAvx512Bf16) return;
  table.autocast_linear = {linear, isa};
  table.autocast_lora_linear = {lora_linear, isa};
  table.packed_attention = {packed_attention, isa};
  table.gpt2_block = {gpt2_block, isa};
  table.cross_entropy = {cross_entropy, isa};
  // The others multiply no matrices.
  table.rotate_heads = {rotate_heads, Isa::kAvx512Bf16};
  table.rms_norm = {rms_norm, Isa::kAvx512Bf16};
  table.gelu_tanh = {gelu_tanh, Isa::kAvx512Bf16};
  table.swiglu = {swiglu, Isa::kAvx512Bf16};
}

}  // namespace gptkit::x86
