#include "kernels/dispatch.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "kernels/decoding.h"
#include "kernels/reference/decoding.h"
#if defined(__x86_64__)
#include "kernels/x86/variants.h"
#endif

namespace gptkit {

namespace {

std::string names(const std::vector<Isa>& levels) {
  std::string text;
  for (const auto isa : levels) text.append(text.empty() ? "" : ", ").append(name(isa));
  return text;
}

/// What GPTKIT_ISA asks for; the highest level without it.
Isa chosen_isa(const std::vector<Isa>& available) {
  const char* text = std::getenv("GPTKIT_ISA");
  if (!text || !*text) return available.back();
  for (const auto& [known, isa] : enum_names(Isa())) {
    if (std::string_view(text) != known) continue;
    require(std::find(available.begin(), available.end(), isa) != available.end(),
            "GPTKIT_ISA=", known, ": this machine cannot run it; expected one of ",
            names(available));
    return isa;
  }
  fail("GPTKIT_ISA=", printable(text), " is no level; expected one of ", names(available));
}

KernelTable table_of(Isa isa) {
  KernelTable table;
  table.isa = isa;
  table.decoding = &reference::decoding();
#if defined(__x86_64__)
  x86::add_variants(isa, table);
#endif
  return table;
}

const KernelTable*& table_in_use() {
  static const KernelTable chosen = table_of(chosen_isa(available_isas()));
  static const KernelTable* in_use = &chosen;
  return in_use;
}

}  // namespace

std::string_view name(Isa isa) {
  for (const auto& [text, known] : enum_names(isa)) {
    if (known == isa) return text;
  }
  return "";
}

const KernelTable& kernels() { return *table_in_use(); }

std::vector<Isa> available_isas() {
#if defined(__x86_64__)
  return x86::available_isas();
#else
  return {Isa::kReference};
#endif
}

std::string describe_kernels() {
  const auto& table = kernels();
  const std::pair<std::string_view, Isa> operations[] = {
      {"matmul", table.autocast_linear.isa},      {"attention", table.packed_attention.isa},
      {"rotary", table.rotate_heads.isa},         {"norm", table.rms_norm.isa},
      {"activation", table.gelu_tanh.isa},        {"gpt2_block", table.gpt2_block.isa},
      {"cross_entropy", table.cross_entropy.isa}, {"quantized_matmul", Isa::kReference}};
  auto text = concat(name(table.isa), " of ", names(available_isas()), ':');
  for (const auto& [operation, isa] : operations)
    text += concat(' ', operation, ' ', name(isa), ',');
  return text + concat(" decoding ", table.decoding->name, ", embedding portable");
}

IsaScope::IsaScope(Isa isa) : table_(table_of(isa)), before_(table_in_use()) {
  table_in_use() = &table_;
}

IsaScope::~IsaScope() { table_in_use() = before_; }

}  // namespace gptkit
