#include "weights/gguf_names.h"

#include <ATen/ops/allclose.h>

#include <array>
#include <charconv>
#include <map>
#include <set>

#include "base/error.h"
#include "models/family.h"
#include "models/rope_scaling.h"
#include "nn/positions.h"

namespace gptkit {

namespace {

constexpr const char* kRopeFactors = "rope_freqs.weight";

/// What lies between a tensor here and there.
enum class Change { kNone, kTransposed, kQueries, kKeys };

struct NamePair {
  std::string hugging_face, gguf;
  Change change = Change::kNone;
};

std::vector<NamePair> gpt2_names(const ModelConfig& c) {
  std::vector<NamePair> names = {{"transformer.wte.weight", "token_embd.weight"},
                                 {"transformer.wpe.weight", "position_embd.weight"}};
  const auto pair = [&](const std::string& ours, const std::string& theirs, Change change) {
    names.push_back({ours + ".weight", theirs + ".weight", change});
    names.push_back({ours + ".bias", theirs + ".bias"});
  };
  for (int64_t i = 0; i < c.n_layer; ++i) {
    const std::string h = concat("transformer.h.", i), blk = concat("blk.", i);
    pair(h + ".ln_1", blk + ".attn_norm", Change::kNone);
    pair(h + ".attn.c_attn", blk + ".attn_qkv", Change::kTransposed);
    pair(h + ".attn.c_proj", blk + ".attn_output", Change::kTransposed);
    pair(h + ".ln_2", blk + ".ffn_norm", Change::kNone);
    pair(h + ".mlp.c_fc", blk + ".ffn_up", Change::kTransposed);
    pair(h + ".mlp.c_proj", blk + ".ffn_down", Change::kTransposed);
  }
  pair("transformer.ln_f", "output_norm", Change::kNone);
  return names;
}

std::vector<NamePair> llama_names(const ModelConfig& c) {
  // llama.cpp turns qwen2's pairs as Hugging Face does.
  const bool paired = gguf_architecture(c) == "llama";
  const auto queries = paired ? Change::kQueries : Change::kNone;
  const auto keys = paired ? Change::kKeys : Change::kNone;
  std::vector<NamePair> names = {{"model.embed_tokens.weight", "token_embd.weight"}};
  const auto pair = [&](const std::string& ours, const std::string& theirs,
                        Change change = Change::kNone) {
    names.push_back({ours + ".weight", theirs + ".weight", change});
    names.push_back({ours + ".bias", theirs + ".bias", change});
  };
  for (int64_t i = 0; i < c.n_layer; ++i) {
    const std::string layer = concat("model.layers.", i), blk = concat("blk.", i);
    names.push_back({layer + ".input_layernorm.weight", blk + ".attn_norm.weight"});
    pair(layer + ".self_attn.q_proj", blk + ".attn_q", queries);
    pair(layer + ".self_attn.k_proj", blk + ".attn_k", keys);
    pair(layer + ".self_attn.v_proj", blk + ".attn_v");
    pair(layer + ".self_attn.o_proj", blk + ".attn_output");
    names.push_back({layer + ".post_attention_layernorm.weight", blk + ".ffn_norm.weight"});
    pair(layer + ".mlp.gate_proj", blk + ".ffn_gate");
    pair(layer + ".mlp.up_proj", blk + ".ffn_up");
    pair(layer + ".mlp.down_proj", blk + ".ffn_down");
  }
  names.push_back({"model.norm.weight", "output_norm.weight"});
  return names;
}

std::vector<NamePair> all_names(const ModelConfig& c) {
  auto names = (c.positions == PositionKind::kRotary) ? llama_names(c) : gpt2_names(c);
  names.push_back({"lm_head.weight", "output.weight"});
  return names;
}

/// Each head's rows (of a matrix or a bias), two interleaved halves here, two blocks there.
torch::Tensor reorder_heads(const torch::Tensor& t, int64_t heads, bool to_gguf) {
  const int64_t half = t.size(0) / heads / 2;
  auto sizes = t.sizes().vec();
  sizes.erase(sizes.begin());
  const auto first =
      to_gguf ? std::vector{heads, int64_t{2}, half} : std::vector{heads, half, int64_t{2}};
  sizes.insert(sizes.begin(), first.begin(), first.end());
  return t.reshape(sizes).transpose(1, 2).reshape(t.sizes());
}

TensorSource changed(const TensorSource& source, Change change, const ModelConfig& c,
                     bool to_gguf) {
  auto result = source;
  if (change == Change::kTransposed && source.shape.size() == 2) {
    std::swap(result.shape[0], result.shape[1]);
    result.load = [load = source.load] { return load().t(); };
  }
  if (change == Change::kQueries || change == Change::kKeys) {
    const int64_t heads = change == Change::kQueries ? c.n_head : c.kv_heads();
    // A tensor of another size than the config says is for the check of shapes to report.
    const bool fits = !source.shape.empty() && source.shape[0] == heads * c.head_dim();
    if (fits) {
      result.load = [load = source.load, heads, to_gguf] {
        return reorder_heads(load(), heads, to_gguf);
      };
    }
  }
  return result;
}

/// A float32 as the decimal number it was rounded from: 1e-5, not 9.99999974e-06.
double decimal(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value));
  double result = value;
  std::from_chars(text.data(), end.ptr, result);
  return result;
}

/// What a file calls the fields; `prefix` is "llama." or the like.
ConfigNames key_names(const std::string& where, const std::string& prefix, bool llama) {
  return {where,
          {{"vocab_size", "the rows of token_embd.weight"},
           {"context_length", prefix + "context_length"},
           {"d_model", prefix + "embedding_length"},
           {"n_layer", prefix + "block_count"},
           {"n_head", prefix + "attention.head_count"},
           {"n_kv_head", prefix + "attention.head_count_kv"},
           {"d_head", prefix + "attention.key_length"},
           {"d_ff", prefix + "feed_forward_length"},
           {"norm_epsilon",
            prefix + (llama ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon")},
           {"rope_theta", prefix + "rope.freq_base"},
           {"rope_factor", prefix + "rope.scaling.factor"}}};
}

/// Linear scaling, under the key of today or that of old files.
void read_rope_scaling(const GgufFile& file, const std::string& prefix, ModelConfig& c) {
  const auto old = prefix + "rope.scale_linear", kind = prefix + "rope.scaling.type";
  const auto type = file.text(kind, file.has(old) ? "linear" : "none");
  require(type == "none" || type == "linear", file.path().string(), ": ", kind, " '",
          printable(type), "' is not supported; expected none or linear");
  if (type == "none") return;
  c.rope_factor = decimal(file.number(prefix + "rope.scaling.factor", file.number(old, 1)));
  set_linear_scaling(c);
}

/// Our own keys for what rope_freqs.weight was made from; llama.cpp passes over them.
constexpr const char *kRopeFactor = "gptkit.rope_factor", *kRopeLow = "gptkit.rope_low_frequency",
                     *kRopeHigh = "gptkit.rope_high_frequency",
                     *kRopeContext = "gptkit.rope_original_context";

/// Llama 3's scaling, which GGUF keeps as one divisor for each frequency: the settings that give
/// these divisors, ours or the published ones.
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

}  // namespace

std::string gguf_architecture(const ModelConfig& c) {
  if (!(c.positions == PositionKind::kRotary)) return "gpt2";
  return c.qkv_bias && !c.proj_bias ? "qwen2" : "llama";
}

ModelConfig config_from_gguf(const GgufFile& file, const TensorMap& tensors) {
  const auto arch = file.text("general.architecture");
  const auto where = file.path().string();
  require(arch == "gpt2" || arch == "llama" || arch == "qwen2", where, ": architecture '",
          printable(arch), "' is not supported; expected gpt2, llama or qwen2");
  const auto key = [&](const char* name) { return arch + "." + name; };
  ModelConfig c;
  c = of_family(arch == "gpt2" ? "gpt2" : "llama", c);
  const auto& embedding = tensors.source("token_embd.weight").shape;
  require(embedding.size() == 2, where, ": token_embd.weight has ", embedding.size(),
          " dimensions; expected 2");
  c.vocab_size = embedding[0];
  c.context_length = file.integer(key("context_length"));
  c.d_model = file.integer(key("embedding_length"));
  c.n_layer = file.integer(key("block_count"));
  c.n_head = file.integer(key("attention.head_count"));
  c.d_ff = file.integer(key("feed_forward_length"));
  if (c.d_ff == 4 * c.d_model) c.d_ff = 0;
  c.tie_embeddings =
      !tensors.contains("output.weight") ||
      same_values(tensors.source("output.weight"), tensors.source("token_embd.weight"));
  const auto names = key_names(where, key(""), (c.positions == PositionKind::kRotary));
  if (!(c.positions == PositionKind::kRotary)) {
    c.norm_epsilon = decimal(file.number(key("attention.layer_norm_epsilon")));
    validate(c, names);
    return c;
  }
  c.n_kv_head = file.integer(key("attention.head_count_kv"), c.n_head);
  c.d_head = file.integer(key("attention.key_length"), 0);
  c.norm_epsilon = decimal(file.number(key("attention.layer_norm_rms_epsilon")));
  c.rope_theta = decimal(file.number(key("rope.freq_base"), 10000));
  c.qkv_bias = tensors.contains("blk.0.attn_q.bias");
  c.proj_bias = tensors.contains("blk.0.attn_output.bias");
  c.mlp_bias = tensors.contains("blk.0.ffn_down.bias");
  validate(c, names);
  require(file.integer(key("attention.value_length"), c.head_dim()) == c.head_dim(), where,
          ": heads whose values have another width than their keys are not supported");
  require(file.integer(key("rope.dimension_count"), c.head_dim()) == c.head_dim(), where,
          ": rotary positions on a part of each head are not supported");
  read_rope_scaling(file, key(""), c);
  validate(c, names);
  require(file.number(key("attention.scale"), 0) == 0, where, ": ", key("attention.scale"), " ",
          file.number(key("attention.scale"), 0), " is not supported; expected none");
  require(!file.has(key("expert_count")) || file.integer(key("expert_count")) == 0, where,
          ": mixtures of experts are not supported");
  read_rope_factors(file, tensors, c);
  if (c.d_head * c.n_head == c.d_model) c.d_head = 0;
  if (c.n_kv_head == c.n_head) c.n_kv_head = 0;
  return c;
}

std::vector<GgufField> gguf_config(const ModelConfig& c) {
  const auto arch = gguf_architecture(c);
  const auto size = [](int64_t value) { return static_cast<uint32_t>(value); };
  const auto real = [](double value) { return static_cast<float>(value); };
  std::vector<GgufField> fields;
  const auto add = [&](const char* name, GgufValue value) {
    fields.push_back({arch + "." + name, std::move(value)});
  };
  add("context_length", size(c.context_length));
  add("embedding_length", size(c.d_model));
  add("block_count", size(c.n_layer));
  add("feed_forward_length", size(c.feed_forward()));
  add("attention.head_count", size(c.n_head));
  if (!(c.positions == PositionKind::kRotary)) {
    add("attention.layer_norm_epsilon", real(c.norm_epsilon));
    return fields;
  }
  add("attention.head_count_kv", size(c.kv_heads()));
  add("attention.key_length", size(c.head_dim()));
  add("attention.value_length", size(c.head_dim()));
  add("attention.layer_norm_rms_epsilon", real(c.norm_epsilon));
  add("rope.dimension_count", size(c.head_dim()));
  add("rope.freq_base", real(c.rope_theta));
  add("vocab_size", size(c.vocab_size));
  if (c.rope_factor != 1) {
    fields.push_back({kRopeFactor, real(c.rope_factor)});
    fields.push_back({kRopeLow, real(c.rope_low_frequency)});
    fields.push_back({kRopeHigh, real(c.rope_high_frequency)});
    fields.push_back({kRopeContext, size(c.rope_original_context)});
  }
  return fields;
}

TensorMap hugging_face_from_gguf(const ModelConfig& config, const TensorMap& tensors) {
  TensorMap map;
  map.set_where(tensors.where());
  std::set<std::string> taken = {kRopeFactors};
  for (const auto& [ours, theirs, change] : all_names(config)) {
    if (!tensors.contains(theirs)) continue;
    map.add(ours, changed(tensors.source(theirs), change, config, /*to_gguf=*/false));
    taken.insert(theirs);
  }
  for (const auto& [name, source] : tensors.sources()) {
    if (!taken.contains(name)) map.add(name, source);
  }
  return map;
}

NamedSources gguf_from_hugging_face(const ModelConfig& config, const NamedSources& tensors) {
  std::map<std::string, NamePair> by_name;
  for (const auto& pair : all_names(config)) by_name.emplace(pair.hugging_face, pair);
  NamedSources sources;
  for (const auto& [name, source] : tensors) {
    const auto found = by_name.find(name);
    require(found != by_name.end(), "tensor '", name, "' has no place in a GGUF file");
    sources.emplace_back(found->second.gguf,
                         changed(source, found->second.change, config, /*to_gguf=*/true));
  }
  if (config.rope_factor != 1) {
    auto plain = config;
    plain.rope_factor = 1;
    sources.emplace_back(kRopeFactors, source_of(rotary_frequencies(rotary_options(plain)) /
                                                 rotary_frequencies(rotary_options(config))));
  }
  return sources;
}

}  // namespace gptkit
