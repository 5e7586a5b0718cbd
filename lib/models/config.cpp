#include "models/config.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/strings.h"
#include "models/family.h"

namespace gptkit {

namespace {

/// The name of a field in messages: "model.d_ff:", or the file and its own key.
class Wording {
 public:
  explicit Wording(const ConfigNames* names) : names_(names) {}

  std::string key(const char* field) const {
    if (!names_) return field;
    for (const auto& [ours, theirs] : names_->keys) {
      if (ours == field) return theirs;
    }
    return field;
  }
  /// Fails for a value of the field unless the condition holds.
  template <class... Parts>
  void require(bool condition, const char* field, const Parts&... parts) const {
    if (condition) return;
    if (names_) fail(names_->where, ": ", key(field), " ", parts...);
    const auto ours = concat("model.", field);
    fail(Key{ours}, ": ", parts...);
  }
  std::string whole() const { return names_ ? names_->where + ":" : "model:"; }
  bool of_file() const { return names_ != nullptr; }

 private:
  const ConfigNames* names_;
};

void require_range(const Wording& say, const char* field, int64_t value, int64_t low,
                   int64_t high) {
  // 0 stands for a key that the file does not have.
  say.require(value >= low && value <= high, field, value, " is out of range; expected ",
              say.of_file() ? std::max<int64_t>(low, 1) : low, " to ", high);
}

double memory_of_this_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

void validate_rope(const ModelConfig& c, const Wording& say) {
  say.require(c.rope_theta > 0 && c.rope_theta <= 1e12, "rope_theta", c.rope_theta,
              " is out of range; expected more than 0 and at most 1e12");
  say.require(c.rope_factor >= 1 && c.rope_factor <= 1e6, "rope_factor", c.rope_factor,
              " is out of range; expected 1 (no scaling) to 1e6");
  require(c.rope_low_frequency > 0 && c.rope_high_frequency > c.rope_low_frequency, say.whole(),
          " ", say.key("rope_low_frequency"), " ", c.rope_low_frequency, " and ",
          say.key("rope_high_frequency"), " ", c.rope_high_frequency,
          ": expected both above 0 and the second one larger");
  require_range(say, "rope_original_context", c.rope_original_context, 1, int64_t{1} << 24);
}

/// The conditions of the kind of positions on the widths.
void validate_positions(const ModelConfig& c, const Wording& say) {
  require(c.positions != PositionKind::kRotary || c.head_dim() % 2 == 0, say.whole(),
          " rotary positions turn pairs, but a head has ", c.head_dim(), " elements (",
          say.key("d_head"), ", or ", say.key("d_model"), " / ", say.key("n_head"),
          "); expected an even number");
  say.require(c.positions != PositionKind::kSinusoidal || c.d_model % 2 == 0, "d_model", c.d_model,
              ": sinusoidal positions are pairs of a sine and a cosine; expected an even ",
              "number");
  require(
      c.positions != PositionKind::kNone || c.attention == AttentionMask::kCausal, say.whole(),
      " positions none with bidirectional attention: the model could not tell one order of the ",
      "tokens from another; choose other positions or causal attention");
}

template <class T>
std::string text_of(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    for (const auto& [text, named] : enum_names(value)) {
      if (named == value) return text;
    }
    return {};
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else {
    return concat(value);
  }
}

/// Every field as text.
std::vector<std::pair<std::string_view, std::string>> field_texts(ModelConfig config) {
  std::vector<std::pair<std::string_view, std::string>> texts;
  visit_fields(config, [&](const char* name, auto& field, const char*) {
    texts.emplace_back(name, text_of(field));
  });
  return texts;
}

/// Checks the fields that are the same in all models of the family.
void validate_family(const ModelConfig& c, const Wording& say) {
  const auto& family = family_of(c);
  const auto ours = field_texts(c), theirs = field_texts(family.choices);
  for (size_t i = 0; i < ours.size(); ++i) {
    const auto& [name, value] = ours[i];
    const bool fixed =
        std::find(family.fixed.begin(), family.fixed.end(), name) != family.fixed.end();
    say.require(!fixed || value == theirs[i].second, std::string(name).c_str(), value,
                " does not fit family ", family.name, ", whose models have ", theirs[i].second,
                "; family gptkit takes any combination");
  }
  if (family.check) family.check(c, say.whole());
}

void require_memory(const ModelConfig& c, const Wording& say) {
  const double bytes = 4.0 * static_cast<double>(parameter_count(c));
  require(bytes < memory_of_this_machine(), say.whole(), " ", format_count(parameter_count(c)),
          " parameters need ", format_bytes(bytes), " in float32, more than this machine's ",
          format_bytes(memory_of_this_machine()), "; ", say.of_file() ? "check " : "lower ",
          say.key("n_layer"), say.of_file() ? " and " : " or ", say.key("d_model"));
}

void validate(const ModelConfig& c, const Wording& say) {
  // The limits keep every product below within 64 bits; the memory check is the real bound.
  require_range(say, "vocab_size", c.vocab_size, 1, int64_t{1} << 24);
  require_range(say, "context_length", c.context_length, 1, int64_t{1} << 24);
  require_range(say, "n_layer", c.n_layer, 1, 10'000);
  require_range(say, "n_head", c.n_head, 1, 10'000);
  require_range(say, "d_model", c.d_model, 1, int64_t{1} << 20);
  require_range(say, "d_ff", c.d_ff, 0, int64_t{1} << 22);
  require_range(say, "d_head", c.d_head, 0, int64_t{1} << 16);
  require_range(say, "n_kv_head", c.n_kv_head, 0, c.n_head);
  require(c.d_head > 0 || c.d_model % c.n_head == 0, say.whole(), " ", say.key("d_model"), " ",
          c.d_model, " is not divisible by ", say.key("n_head"), " ", c.n_head,
          say.of_file() ? "" : "; choose a d_model that is a multiple of n_head");
  require(c.n_head % c.kv_heads() == 0, say.whole(), " ", say.key("n_head"), " ", c.n_head,
          " is not divisible by ", say.key("n_kv_head"), " ", c.n_kv_head);
  validate_rope(c, say);
  validate_positions(c, say);
  validate_family(c, say);
  say.require(c.dropout >= 0 && c.dropout < 1, "dropout", c.dropout,
              " is out of range; expected at least 0 and less than 1");
  say.require(c.norm_epsilon > 0 && c.norm_epsilon <= 1, "norm_epsilon", c.norm_epsilon,
              " is out of range; expected more than 0 and at most 1");
  require_memory(c, say);
}

}  // namespace

void validate(const ModelConfig& config) { validate(config, Wording(nullptr)); }
void validate(const ModelConfig& config, const ConfigNames& names) {
  validate(config, Wording(&names));
}

BlockOptions block_options(const ModelConfig& c) {
  return {.attention = {.d_model = c.d_model,
                        .n_head = c.n_head,
                        .n_kv_head = c.kv_heads(),
                        .d_head = c.head_dim(),
                        .qkv_bias = c.qkv_bias,
                        .proj_bias = c.proj_bias,
                        .dropout = c.dropout,
                        .causal = c.attention == AttentionMask::kCausal},
          .mlp = {c.mlp, c.d_model, c.feed_forward(), c.mlp_bias},
          .norm = {c.norm, c.d_model, c.norm_epsilon},
          .norm_placement = c.norm_placement,
          .dropout = c.dropout};
}

RotaryOptions rotary_options(const ModelConfig& c) {
  return {c.head_dim(),         c.rope_theta,          c.rope_factor,
          c.rope_low_frequency, c.rope_high_frequency, c.rope_original_context};
}

CacheShape cache_shape(const ModelConfig& c) { return {c.n_layer, c.kv_heads(), c.head_dim()}; }

std::vector<LayerShape> layer_shapes(const ModelConfig& c) {
  const int64_t C = c.d_model, F = c.feed_forward(), D = c.head_dim();
  const bool norm_bias = c.norm == NormKind::kLayer;
  std::vector<LayerShape> layers = {{"token_embedding", {c.vocab_size, C}}};
  if (c.positions == PositionKind::kLearned) {
    layers.push_back({"position_embedding", {c.context_length, C}});
  }
  layers.insert(layers.end(),
                {{"blocks.{}.norm1", {C}, norm_bias},
                 {"blocks.{}.attention.qkv", {(c.n_head + 2 * c.kv_heads()) * D, C}, c.qkv_bias},
                 {"blocks.{}.attention.proj", {C, c.n_head * D}, c.proj_bias},
                 {"blocks.{}.norm2", {C}, norm_bias},
                 {"blocks.{}.mlp.up", {c.mlp == MlpKind::kSwiglu ? 2 * F : F, C}, c.mlp_bias},
                 {"blocks.{}.mlp.down", {C, F}, c.mlp_bias}});
  if (c.norm_placement == NormPlacement::kPre) layers.push_back({"final_norm", {C}, norm_bias});
  if (!c.tie_embeddings) layers.push_back({"head", {c.vocab_size, C}});
  return layers;
}

int64_t parameter_count(const ModelConfig& c) {
  int64_t count = 0;
  for (const auto& layer : layer_shapes(c)) {
    const auto elements =
        std::accumulate(layer.weight.begin(), layer.weight.end(), int64_t{1}, std::multiplies<>());
    const auto each = elements + (layer.bias ? layer.weight.front() : 0);
    count += each * (layer.name.starts_with("blocks.") ? c.n_layer : 1);
  }
  return count;
}

double forward_flops(const ModelConfig& c, int64_t B, int64_t T) {
  const double C = static_cast<double>(c.d_model), F = static_cast<double>(c.feed_forward());
  const double V = static_cast<double>(c.vocab_size), t = static_cast<double>(T);
  const double q = static_cast<double>(c.n_head * c.head_dim());
  const double kv = static_cast<double>(c.kv_heads() * c.head_dim());
  const double attention = C * (2 * q + 2 * kv), mlp = C * F * (c.mlp == MlpKind::kSwiglu ? 3 : 2);
  const double block = 2 * (attention + mlp) + 2 * 2 * t * q;  // per token
  return static_cast<double>(B) * t * (static_cast<double>(c.n_layer) * block + 2 * V * C);
}

}  // namespace gptkit
