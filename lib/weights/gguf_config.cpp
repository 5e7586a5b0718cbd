#include "weights/gguf_config.h"

#include <ATen/ops/allclose.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <type_traits>

#include "base/error.h"
#include "models/family.h"
#include "models/rope_scaling.h"
#include "models/tensor_names.h"
#include "nn/positions.h"

namespace gptkit {

namespace {

/// Our own keys, which llama.cpp ignores: the family within an architecture, and the settings
/// behind rope_freqs.weight.
constexpr const char *kFamily = "gptkit.family", *kRopeFactor = "gptkit.rope_factor",
                     *kRopeLow = "gptkit.rope_low_frequency",
                     *kRopeHigh = "gptkit.rope_high_frequency",
                     *kRopeContext = "gptkit.rope_original_context";

/// A float32 as the decimal number it was rounded from: 1e-5, not 9.99999974e-06.
double decimal(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value));
  double result = value;
  std::from_chars(text.data(), end.ptr, result);
  return result;
}

/// Linear scaling, under the current key or the key of old files.
void read_rope_scaling(const GgufFile& file, const std::string& prefix, ModelConfig& c) {
  const auto old = prefix + "rope.scale_linear", kind = prefix + "rope.scaling.type";
  const auto type = file.text(kind, file.has(old) ? "linear" : "none");
  require(type == "none" || type == "linear", file.path().string(), ": ", kind, " '",
          printable(type), "' is not supported; expected none or linear");
  if (type == "none") return;
  c.rope_factor = decimal(file.number(prefix + "rope.scaling.factor", file.number(old, 1)));
  set_linear_scaling(c);
}

/// Llama 3's scaling, which GGUF stores as one divisor for each frequency: finds the settings that
/// give these divisors, from our keys or the published ones.
void read_rope_factors(const GgufFile& file, const TensorMap& tensors, ModelConfig& c) {
  if (!tensors.contains(kRopeFactors)) return;
  const auto factors = tensors.at(kRopeFactors).to(torch::kFloat32).flatten();
  const auto where = tensors.where() + ": " + kRopeFactors;
  require(factors.size(0) == c.head_dim() / 2, where, " has ", factors.size(0),
          " elements; expected ", c.head_dim() / 2);
  if (at::allclose(factors, torch::ones_like(factors))) return;
  auto scaled = c;
  scaled.rope_factor = decimal(file.number(kRopeFactor, factors.max().item<double>()));
  scaled.rope_low_frequency = decimal(file.number(kRopeLow, 1));
  scaled.rope_high_frequency = decimal(file.number(kRopeHigh, 4));
  scaled.rope_original_context = file.integer(kRopeContext, 8192);
  validate(scaled);
  const auto expected =
      rotary_frequencies(rotary_options(c)) / rotary_frequencies(rotary_options(scaled));
  require(at::allclose(expected, factors, 1e-3, 1e-4), where,
          ": these factors are not those of Llama 3 (low 1, high 4, original context 8,192), which "
          "alone are supported");
  c = scaled;
}

std::string gguf_architectures() {
  std::vector<std::string_view> names;
  for (const auto* family : families()) {
    const auto arch = family->gguf_architecture;
    if (arch.empty() || std::find(names.begin(), names.end(), arch) != names.end()) continue;
    names.push_back(arch);
  }
  return join(names);
}

/// The family that the file names, or else the first of its architecture.
const Family& family_in(const GgufFile& file) {
  const auto arch = file.text("general.architecture");
  const auto own = file.text(kFamily, "");
  const Family* first = nullptr;
  for (const auto* family : families()) {
    if (family->gguf_architecture != arch) continue;
    if (family->name == own) return *family;
    if (!first) first = family;
  }
  require(first, file.path().string(), ": architecture '", printable(arch),
          "' is not supported; expected one of ", gguf_architectures());
  return *first;
}

/// Calls the function with the field of this name.
template <class Use>
void with_field(ModelConfig& config, std::string_view name, Use&& use) {
  visit_fields(config, [&](const char* field, auto& value, const char*) {
    using Value = std::remove_cvref_t<decltype(value)>;
    if constexpr (std::is_same_v<Value, int64_t> || std::is_same_v<Value, double>) {
      if (field == name) use(value);
    }
  });
}

/// With all derived sizes filled in.
ModelConfig spelled_out(ModelConfig c) {
  c.n_kv_head = c.kv_heads();
  c.d_head = c.head_dim();
  c.d_ff = c.feed_forward();
  return c;
}

/// A config that is being read.
class Reader {
 public:
  Reader(const GgufFile& file, const Family& family)
      : file_(file), family_(family), config_(family.choices) {}

  ModelConfig read(const TensorMap& tensors) {
    read_vocabulary(tensors);
    for (const auto& key : family_.gguf_keys) read_key(key);
    read_biases(tensors);
    validate(config_, names());
    for (const auto& key : family_.gguf_keys) require_same(key);
    if (config_.positions == PositionKind::kRotary) read_rope(tensors);
    require_plain();
    if (config_.d_head * config_.n_head == config_.d_model) config_.d_head = 0;
    if (config_.n_kv_head == config_.n_head) config_.n_kv_head = 0;
    if (config_.d_ff == 4 * config_.d_model) config_.d_ff = 0;
    return config_;
  }

 private:
  std::string where() const { return file_.path().string(); }
  std::string full(std::string_view key) const {
    return concat(family_.gguf_architecture, ".", key);
  }

  void read_vocabulary(const TensorMap& tensors) {
    const auto& embedding = tensors.source("token_embd.weight").shape;
    require(embedding.size() == 2, where(), ": token_embd.weight has ", embedding.size(),
            " dimensions; expected 2");
    config_.vocab_size = embedding[0];
    config_.tie_embeddings =
        !tensors.contains("output.weight") ||
        same_values(tensors.source("output.weight"), tensors.source("token_embd.weight"));
  }

  void read_key(const FieldKey& key) {
    using enum FieldKey::Use;
    const auto name = full(key.key);
    if (key.use == kSame || key.use == kWrittenOnly) return;
    if (key.use == kOptional && !file_.has(name)) return;
    with_field(config_, key.field, [&](auto& value) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, double>) {
        value = decimal(file_.number(name));
      } else {
        value = file_.integer(name);
      }
    });
  }

  /// Fails if a second key for a field has another value.
  void require_same(const FieldKey& key) {
    if (key.use != FieldKey::Use::kSame) return;
    auto config = spelled_out(config_);
    with_field(config, key.field, [&](auto& value) {
      const auto found = file_.integer(full(key.key), static_cast<int64_t>(value));
      require(found == static_cast<int64_t>(value), where(), ": ", full(key.key), " ", found,
              " is not supported; expected ", value, ", the width of a head");
    });
  }

  /// Biases that the family leaves open: present if the first block has one.
  void read_biases(const TensorMap& tensors) {
    const std::tuple<std::string_view, std::string_view, bool ModelConfig::*> kBiases[] = {
        {"qkv_bias", "blocks.{}.attention.qkv", &ModelConfig::qkv_bias},
        {"proj_bias", "blocks.{}.attention.proj", &ModelConfig::proj_bias},
        {"mlp_bias", "blocks.{}.mlp.down", &ModelConfig::mlp_bias}};
    for (const auto& [field, layer, bias] : kBiases) {
      const auto& fixed = family_.fixed;
      if (std::find(fixed.begin(), fixed.end(), field) != fixed.end()) continue;
      const auto& rules = family_.tensors;
      const auto rule =
          std::find_if(rules.begin(), rules.end(),
                       [wanted = layer](const auto& each) { return each.layer == wanted; });
      config_.*bias = tensors.contains(in_block(rule->gguf, 0) + ".bias");
    }
  }

  void read_rope(const TensorMap& tensors) {
    read_rope_scaling(file_, full(""), config_);
    validate(config_, names());
    read_rope_factors(file_, tensors, config_);
  }

  /// Refuses settings that would change the computation.
  void require_plain() const {
    const auto scale = full("attention.scale"), experts = full("expert_count");
    require(file_.number(scale, 0) == 0, where(), ": ", scale, " ", file_.number(scale, 0),
            " is not supported; expected none");
    require(!file_.has(experts) || file_.integer(experts) == 0, where(),
            ": mixtures of experts are not supported");
  }

  ConfigNames names() const {
    ConfigNames names{where(), {{"vocab_size", "the rows of token_embd.weight"}}};
    for (const auto& key : family_.gguf_keys) {
      names.keys.emplace_back(std::string(key.field), full(key.key));
    }
    names.keys.emplace_back("rope_factor", full("rope.scaling.factor"));
    return names;
  }

  const GgufFile& file_;
  const Family& family_;
  ModelConfig config_;
};

}  // namespace

ModelConfig config_from_gguf(const GgufFile& file, const TensorMap& tensors) {
  return Reader(file, family_in(file)).read(tensors);
}

std::vector<GgufField> gguf_config(const ModelConfig& c) {
  const auto& family = family_of(c);
  const auto size = [](int64_t value) { return static_cast<uint32_t>(value); };
  const auto real = [](double value) { return static_cast<float>(value); };
  const std::string arch(family.gguf_architecture);
  std::vector<GgufField> fields;
  auto full = spelled_out(c);
  for (const auto& key : family.gguf_keys) {
    with_field(full, key.field, [&](auto& value) {
      if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, double>) {
        fields.push_back({concat(arch, ".", key.key), real(value)});
      } else {
        fields.push_back({concat(arch, ".", key.key), size(value)});
      }
    });
  }
  if (family.name != arch) fields.push_back({kFamily, std::string(family.name)});
  if (c.rope_factor != 1) {
    fields.push_back({kRopeFactor, real(c.rope_factor)});
    fields.push_back({kRopeLow, real(c.rope_low_frequency)});
    fields.push_back({kRopeHigh, real(c.rope_high_frequency)});
    fields.push_back({kRopeContext, size(c.rope_original_context)});
  }
  return fields;
}

}  // namespace gptkit
