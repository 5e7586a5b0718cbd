#include "weights/bundle.h"

#include <ATen/ops/linalg_solve.h>

#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "weights/finite.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/peft.h"
#include "weights/tensor_map.h"

namespace gptkit {

namespace {

/// A model without weights yet.
struct Opened {
  ModelSource source;
  std::string where;
  GPT gpt;
};

Opened open_for(const std::string& name_or_path, double dropout = 0) {
  auto source = open_model(name_or_path);
  source.config.dropout = dropout;
  const auto where = source.path.string();
  const GPT gpt(source.config);
  return {std::move(source), where, gpt};
}

void require_finite(const torch::nn::Module& module, const std::string& where) {
  for (const auto& [name, tensor] : tensors_of(module)) {
    require(all_finite(tensor), where, ": tensor '", name,
            "' holds NaN or infinity; the file is damaged or the training diverged");
  }
}

void write_json(const fs::path& path, const Json& json) {
  write_file_atomic(path, dump_json(json, 2) + "\n");
}

/// The ids that the tokenizer knows, where the config does not say.
Json with_token_ids(Json json, const Tokenizer& tokenizer) {
  const auto end = tokenizer.end_of_text(), begin = tokenizer.begin_of_text();
  const auto set = [&](const char* key, const std::optional<TokenId>& id) {
    if (!json.contains(key)) json[key] = id ? Json(*id) : Json(nullptr);
  };
  set("bos_token_id", begin ? begin : end);
  set("eos_token_id", end);
  return json;
}

/// Ours by its name, one of another library by its text.
void read_chat_template(const ModelSource& source, LanguageModel& model) {
  const auto where = source.path.string();
  if (const auto ours = source.json.find("gptkit"); ours != source.json.end()) {
    const auto style = json_string(*ours, "prompt_style", where, "");
    const auto system = json_string(*ours, "default_system", where, "");
    for (const auto& [name, value] : enum_names(PromptStyle{})) {
      if (style == name) model.chat_template = ChatTemplate{value, system};
    }
  }
  if (model.chat_template || source.chat_template.empty()) return;
  try {
    model.chat_template = recognize_chat_template(source.chat_template, where);
  } catch (const Error& error) {
    model.chat_template_problem = error.what();
  }
}

/// The bias b' of the final norm for which W (n + b') = W (n + b) + c: b' = b + W^T (W W^T)^-1 c.
torch::Tensor fold_head_bias(const torch::Tensor& norm_bias, const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  const auto W = weight.detach().to(torch::kFloat64);  // (n_class,C)
  const auto c = bias.detach().to(torch::kFloat64);    // (n_class)
  const auto shift = W.t().matmul(at::linalg_solve(W.matmul(W.t()), c));
  return (norm_bias.detach().to(torch::kFloat64) + shift).to(norm_bias.scalar_type());
}

}  // namespace

LanguageModel load_language_model(const std::string& name_or_path, double dropout) {
  auto opened = open_for(name_or_path, dropout);
  const auto& source = opened.source;
  require(!source.is_classifier(), opened.where,
          ": this is a classifier; use the classify program, or name a language model");
  LanguageModel model;
  model.tokenizer = open_tokenizer(source);
  load_from_hugging_face(opened.gpt, source.tensors);
  require_finite(*opened.gpt, opened.where);
  opened.gpt->eval();
  model.gpt = opened.gpt;
  model.where = opened.where;
  read_chat_template(source, model);
  return model;
}

const ChatTemplate& require_chat_template(const LanguageModel& model) {
  if (model.chat_template) return *model.chat_template;
  require(model.chat_template_problem.empty(), model.chat_template_problem);
  fail(
      "this model was never finetuned to chat; leave --chat out, finetune it with "
      "finetune-instruct, or name a model with a chat template");
}

namespace {

template <class Enum>
Enum parse_enum(const Json& json, const char* key, const std::string& where, Enum fallback) {
  const auto text = json_string(json, key, where, "");
  std::string names;
  for (const auto& [name, value] : enum_names(Enum{})) {
    if (text == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  require(text.empty(), where, ": gptkit.", key, " is '", text, "'; expected one of ", names);
  return fallback;
}
template <class Enum>
std::string enum_name(Enum wanted) {
  for (const auto& [name, value] : enum_names(Enum{})) {
    if (value == wanted) return name;
  }
  return {};
}

/// What config.json has beside transformers' own keys, and an adapter in a file of its own.
Json describe(const TextClassifier& model) {
  return {{"pooling", enum_name(model.classifier->pooling())},
          {"max_tokens", model.max_tokens},
          {"pad_id", model.pad_id},
          {"truncate", enum_name(model.truncate)},
          {"causal", model.causal},
          {"pairs", model.pairs}};
}

std::vector<std::string> read_labels(const Json& json, int64_t classes, const std::string& where) {
  const auto names = json.value("id2label", Json::object());
  require(names.is_object() && (names.empty() || static_cast<int64_t>(names.size()) == classes),
          where, ": id2label has ", names.size(), " labels but score.weight has ", classes,
          " rows");
  std::vector<std::string> labels;
  for (int64_t i = 0; i < classes; ++i) {
    const auto id = std::to_string(i);
    labels.push_back(json_string(names, id, where, "LABEL_" + id));
  }
  return labels;
}

void write_labels(Json& json, const std::vector<std::string>& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    json["id2label"][std::to_string(i)] = labels[i];
    json["label2id"][labels[i]] = i;
  }
}

/// The classifier around a model; its head holds nothing yet. `json` is config.json's or an
/// adapter's description.
TextClassifier make_classifier(const GPT& gpt, const torch::Tensor& score, const Json& json,
                               std::shared_ptr<const Tokenizer> tokenizer,
                               const std::string& where) {
  const auto& config = gpt->config();
  require(score.dim() == 2 && score.size(1) == config.d_model && score.size(0) >= 1, where,
          ": score.weight has shape ", score.sizes(), "; expected (classes, ", config.d_model, ")");
  const auto ours = json.value("gptkit", Json::object());
  TextClassifier model;
  model.where = where;
  model.tokenizer = std::move(tokenizer);
  model.classifier =
      Classifier(gpt, score.size(0), parse_enum(ours, "pooling", where, Pooling::kLastToken),
                 /*head_bias=*/false);
  model.labels = read_labels(json, score.size(0), where);
  model.truncate = parse_enum(ours, "truncate", where, Truncate::kRight);
  model.causal = json_bool(ours, "causal", where, true);
  model.pairs = json_bool(ours, "pairs", where, false);
  model.classifier->gpt()->set_causal(model.causal);
  model.max_tokens = json_int(ours, "max_tokens", where, config.context_length);
  require(model.max_tokens >= 1 && model.max_tokens <= config.context_length, where,
          ": gptkit.max_tokens ", model.max_tokens, " is out of range; expected 1 to ",
          config.context_length);
  const auto end = model.tokenizer->end_of_text().value_or(0);
  const auto pad = json_int(ours, "pad_id", where, json_int(json, "pad_token_id", where, end));
  require(pad >= 0 && pad < config.vocab_size, where, ": pad_token_id ", pad,
          " is outside the vocabulary of ", config.vocab_size);
  model.pad_id = static_cast<TokenId>(pad);
  return model;
}

constexpr const char* kAdapterDescription = "gptkit.json";

/// The base as the adapter names it: a path (also beside the adapter), or a name.
std::string base_of(const AdapterSource& source) {
  require(!source.base.empty(), source.folder.string(),
          ": adapter_config.json does not say its base_model_name_or_path; add it");
  const auto beside = source.folder / source.base;
  return is_there(beside) ? beside.string() : source.base;
}

TextClassifier load_classifier_adapter(const fs::path& folder) {
  const auto source = open_adapter(folder);
  const auto where = folder.string();
  require(source.tensors.contains("score.weight"), where,
          ": this adapter has no class head (score.weight); it is of a language model");
  const auto base = load_language_model(base_of(source));
  Json json = Json::object();
  const auto description = folder / kAdapterDescription;
  if (is_there(description)) {
    constexpr uint64_t kMaxBytes = 4 << 20;
    json = parse_json(read_file(description, kMaxBytes), description.string());
    require(json.is_object(), description.string(), ": expected a JSON object");
  }
  auto model =
      make_classifier(base.gpt, source.tensors.at("score.weight"), json, base.tokenizer, where);
  attach(load_adapter(source, base.gpt, model.classifier->head()));
  require_finite(*model.classifier, where);
  model.classifier->eval();
  return model;
}

}  // namespace

TextClassifier load_text_classifier(const std::string& name_or_path) {
  if (is_adapter(name_or_path)) return load_classifier_adapter(name_or_path);
  auto opened = open_for(name_or_path);
  const auto& tensors = opened.source.tensors;
  require(opened.source.is_classifier(), opened.where,
          ": this is a language model without a class head; train one with finetune-classify");
  load_from_hugging_face(opened.gpt, tensors, {"score.weight"});
  const auto score = tensors.at("score.weight");
  auto model = make_classifier(opened.gpt, score, opened.source.json, open_tokenizer(opened.source),
                               opened.where);
  {
    torch::NoGradGuard no_grad;
    model.classifier->head()->weight.copy_(score);
  }
  require_finite(*model.classifier, opened.where);
  model.classifier->eval();
  return model;
}

void save_classifier_adapter(const fs::path& folder, const TextClassifier& model,
                             const LoraConfig& config, const std::string& base) {
  const auto gpt = model.classifier->gpt();
  const auto head = model.classifier->head();
  auto weight = head->weight.detach();
  if (head->lora()) weight = weight + head->lora()->delta();
  NamedTensors whole = {{"score.weight", weight}};
  if (head->bias.defined()) {
    const auto norm = gpt->final_norm();
    whole.emplace_back("transformer.ln_f.weight", norm->weight);
    whole.emplace_back("transformer.ln_f.bias", fold_head_bias(norm->bias, weight, head->bias));
  }
  save_adapter(folder, gpt, config, base, whole, /*classifier=*/true);
  Json json = {{"gptkit", describe(model)}};
  write_labels(json, model.labels);
  write_json(folder / kAdapterDescription, json);
}

void save_weights(const fs::path& folder, const NamedSources& tensors, const SaveOptions& options) {
  NamedSources cast_tensors;
  std::vector<NamedSources> parts(1);
  uint64_t bytes = 0, total = 0;
  for (const auto& [name, source] : tensors) {
    const auto cast_source = cast(source, options.dtype, name);
    const auto size = tensor_bytes(dtype_of(options.dtype), source.shape, name);
    if (bytes > 0 && bytes + size > options.max_shard_bytes) {
      parts.emplace_back();
      bytes = 0;
    }
    bytes += size;
    total += size;
    parts.back().emplace_back(name, cast_source);
  }
  if (parts.size() == 1) return save_tensors(folder / "model.safetensors", parts.front());

  Json map = Json::object();
  const auto number = [](size_t n) {
    const auto text = std::to_string(n);
    return std::string(5 - std::min<size_t>(5, text.size()), '0') + text;
  };
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto file = concat("model-", number(i + 1), "-of-", number(parts.size()), ".safetensors");
    save_tensors(folder / file, parts[i]);
    for (const auto& [name, source] : parts[i]) map[name] = file;
  }
  write_json(folder / "model.safetensors.index.json",
             {{"metadata", {{"total_size", total}}}, {"weight_map", map}});
}

void save_description(const fs::path& folder, const Json& json, const ModelConfig& config,
                      const Tokenizer& tokenizer, const std::string& chat_template) {
  auto complete = with_token_ids(json, tokenizer);
  if (!complete.contains("architectures")) {
    complete["architectures"] = {architecture(config, /*classifier=*/false)};
  }
  write_json(folder / "config.json", complete);
  write_json(folder / "generation_config.json", {{"bos_token_id", complete["bos_token_id"]},
                                                 {"eos_token_id", complete["eos_token_id"]}});
  tokenizer.save(folder);
  if (!chat_template.empty()) {
    write_file_atomic(folder / "chat_template.jinja", chat_template);
  }
}

void save_language_model(const fs::path& folder, const LanguageModel& model,
                         const SaveOptions& options) {
  const auto& config = model.gpt->config();
  NamedSources tensors;
  for (const auto& [name, tensor] : hugging_face_tensors(model.gpt)) {
    tensors.emplace_back(name, source_of(tensor));
  }
  save_weights(folder, tensors, options);
  auto json = config_to_json(config, std::string(name(dtype_of(options.dtype))));
  std::string jinja;
  if (const auto& chat = model.chat_template) {
    jinja = chat_template_of(chat->style, chat->default_system);
    for (const auto& [style, value] : enum_names(PromptStyle{})) {
      if (value == chat->style) json["gptkit"]["prompt_style"] = style;
    }
    if (!chat->default_system.empty()) json["gptkit"]["default_system"] = chat->default_system;
  }
  save_description(folder, json, config, *model.tokenizer, jinja);
}

void save_text_classifier(const fs::path& folder, const TextClassifier& model) {
  const auto gpt = model.classifier->gpt();
  const auto head = model.classifier->head();
  const bool llama = gpt->config().is_llama();
  auto json = with_token_ids(config_to_json(gpt->config(), "float32"), *model.tokenizer);
  json["architectures"] = {architecture(gpt->config(), /*classifier=*/true)};
  json["tie_word_embeddings"] = true;  // no vocabulary head is stored
  write_labels(json, model.labels);
  json["num_labels"] = model.labels.size();
  // transformers reads the last position that is not padding when it knows the padding's id, and
  // the last position when it does not: the two poolings.
  const bool padded = model.classifier->pooling() == Pooling::kLastPosition;
  json["pad_token_id"] = padded ? Json(nullptr) : Json(model.pad_id);
  json["gptkit"].update(describe(model));

  require(!llama || !head->bias.defined(), "a Llama's class head is stored without a bias");
  NamedTensors tensors;
  for (auto& [name, tensor] : hugging_face_tensors(gpt)) {
    if (name == "lm_head.weight") continue;
    const bool fold = name == "transformer.ln_f.bias" && head->bias.defined();
    tensors.emplace_back(name, fold ? fold_head_bias(tensor, head->weight, head->bias) : tensor);
  }
  tensors.emplace_back("score.weight", head->weight.detach());
  save_tensors(folder / "model.safetensors", tensors);
  write_json(folder / "config.json", json);
  model.tokenizer->save(folder);
}

}  // namespace gptkit
