#include "nn/config.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "nn/config_names.h"

namespace gptkit {

namespace {

/// How messages call a field: "model.d_ff:", or the file and its own key for it.
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
  std::string at(const char* field) const {
    return names_ ? names_->where + ": " + key(field) : concat("model.", field, ":");
  }
  std::string whole() const { return names_ ? names_->where + ":" : "model:"; }
  bool of_file() const { return names_ != nullptr; }

 private:
  const ConfigNames* names_;
};

void require_range(const Wording& say, const char* field, int64_t value, int64_t low,
                   int64_t high) {
  if (value >= low && value <= high) return;
  // 0 stands for a key that the file does not have.
  fail(say.at(field), " ", value, " is out of range; expected ",
       say.of_file() ? std::max<int64_t>(low, 1) : low, " to ", high);
}

double memory_of_this_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

/// SmolLM2 (arXiv:2502.02737).
ModelConfig smollm2(int64_t n_layer, int64_t n_head, int64_t n_kv_head, int64_t d_model,
                    int64_t d_ff) {
  ModelConfig c;
  c.family = Family::kLlama;
  c.vocab_size = 49152;
  c.context_length = 8192;
  c.n_layer = n_layer;
  c.n_head = n_head;
  c.n_kv_head = n_kv_head;
  c.d_model = d_model;
  c.d_ff = d_ff;
  c.qkv_bias = c.proj_bias = c.mlp_bias = false;
  c.rope_theta = d_model == 2048 ? 130000 : 100000;
  return c;
}

/// What rotary positions ask for; what GPT-2 has no place for.
void validate_family(const ModelConfig& c, const Wording& say) {
  require(c.rope_theta > 0 && c.rope_theta <= 1e12, say.at("rope_theta"), " ", c.rope_theta,
          " is out of range; expected more than 0 and at most 1e12");
  require(c.rope_factor >= 1 && c.rope_factor <= 1e6, say.at("rope_factor"), " ", c.rope_factor,
          " is out of range; expected 1 (no scaling) to 1e6");
  require(c.rope_low_frequency > 0 && c.rope_high_frequency > c.rope_low_frequency, say.whole(),
          " ", say.key("rope_low_frequency"), " ", c.rope_low_frequency, " and ",
          say.key("rope_high_frequency"), " ", c.rope_high_frequency,
          ": expected both above 0 and the second one larger");
  require_range(say, "rope_original_context", c.rope_original_context, 1, int64_t{1} << 24);
  if (c.is_llama()) {
    require(c.head_dim() % 2 == 0, say.whole(), " rotary positions turn pairs, but a head has ",
            c.head_dim(), " elements (", say.key("d_head"), ", or ", say.key("d_model"), " / ",
            say.key("n_head"), "); expected an even number");
    return;
  }
  require(c.proj_bias && c.mlp_bias, "model: proj_bias and mlp_bias are true in family gpt2");
  require(c.kv_heads() == c.n_head && c.head_dim() * c.n_head == c.d_model,
          "model: n_kv_head and d_head are for family llama; leave them 0 in family gpt2");
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
  validate_family(c, say);
  require(c.dropout >= 0 && c.dropout < 1, say.at("dropout"), " ", c.dropout,
          " is out of range; expected at least 0 and less than 1");
  require(c.norm_epsilon > 0 && c.norm_epsilon <= 1, say.at("norm_epsilon"), " ", c.norm_epsilon,
          " is out of range; expected more than 0 and at most 1");
  require_memory(c, say);
}

}  // namespace

void validate(const ModelConfig& config) { validate(config, Wording(nullptr)); }
void validate(const ModelConfig& config, const ConfigNames& names) {
  validate(config, Wording(&names));
}

ModelConfig model_preset(std::string_view name) {
  if (name == "gpt2") return {};
  if (name == "gpt2-medium") return {.n_layer = 24, .n_head = 16, .d_model = 1024};
  if (name == "gpt2-large") return {.n_layer = 36, .n_head = 20, .d_model = 1280};
  if (name == "gpt2-xl") return {.n_layer = 48, .n_head = 25, .d_model = 1600};
  if (name == "smollm2-135m") return smollm2(30, 9, 3, 576, 1536);
  if (name == "smollm2-360m") return smollm2(32, 15, 5, 960, 2560);
  if (name == "smollm2-1.7b") return smollm2(24, 32, 32, 2048, 8192);
  fail("unknown model preset '", name,
       "'; expected gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2-135m, smollm2-360m or "
       "smollm2-1.7b (other shapes: set n_layer, n_head, d_model)");
}

int64_t parameter_count(const ModelConfig& c) {
  const int64_t C = c.d_model, V = c.vocab_size, D = c.head_dim();
  const int64_t up = c.feed_forward() * (c.is_llama() ? 2 : 1);  // SwiGLU has a gate beside it
  const int64_t qkv_rows = (c.n_head + 2 * c.kv_heads()) * D;
  const int64_t qkv = qkv_rows * C + (c.qkv_bias ? qkv_rows : 0);
  const int64_t proj = c.n_head * D * C + (c.proj_bias ? C : 0);
  const int64_t mlp = C * up + c.feed_forward() * C + (c.mlp_bias ? up + C : 0);
  const int64_t norm = c.is_llama() ? C : 2 * C;
  const int64_t block = qkv + proj + mlp + 2 * norm;
  const int64_t positions = c.is_llama() ? 0 : c.context_length * C;
  const int64_t head = c.tie_embeddings ? 0 : V * C;
  return V * C + positions + c.n_layer * block + norm + head;
}

double forward_flops(const ModelConfig& c, int64_t B, int64_t T) {
  const double C = static_cast<double>(c.d_model), F = static_cast<double>(c.feed_forward());
  const double V = static_cast<double>(c.vocab_size), t = static_cast<double>(T);
  const double q = static_cast<double>(c.n_head * c.head_dim());
  const double kv = static_cast<double>(c.kv_heads() * c.head_dim());
  const double attention = C * (2 * q + 2 * kv), mlp = C * F * (c.is_llama() ? 3 : 2);
  const double block = 2 * (attention + mlp) + 2 * 2 * t * q;  // per token
  return static_cast<double>(B) * t * (static_cast<double>(c.n_layer) * block + 2 * V * C);
}

}  // namespace gptkit
