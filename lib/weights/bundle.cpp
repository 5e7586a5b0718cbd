#include "weights/bundle.h"

#include <ATen/ops/linalg_solve.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "chat/styles.h"
#include "tensors/finite.h"
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

/// Makes the head a tensor of its own.
void untie(ModelSource& source) {
  if (!source.config.tie_embeddings) return;
  source.config.tie_embeddings = false;
  if (source.tensors.contains("lm_head.weight")) return;  // it is the embedding's copy
  const bool llama = (source.config.positions == PositionKind::kRotary);
  source.tensors.add("lm_head.weight", source.tensors.source(llama ? "model.embed_tokens.weight"
                                                                   : "transformer.wte.weight"));
}

Opened open_for(ModelSource source, double dropout = 0) {
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

/// A template inside tokenizer_config.json that is not the one that is written goes.
void drop_other_template(const fs::path& folder, const std::string& chat_template) {
  const auto file = folder / "tokenizer_config.json";
  std::error_code ignored;
  if (chat_template.empty() || !fs::exists(file, ignored)) return;
  constexpr uint64_t kMaxBytes = 64 << 20;
  auto json = parse_json(read_file(file, kMaxBytes), file.string());
  const auto found = json.find("chat_template");
  if (found == json.end() || *found == Json(chat_template)) return;
  const Json named = {{"name", "default"}, {"template", chat_template}};
  if (found->is_array() && std::find(found->begin(), found->end(), named) != found->end()) return;
  json.erase(found);
  write_json(file, json);
}

/// The template that a model brings, or the one that a model of version 0.1 names.
std::string own_template(const ModelSource& source, const Tokenizer& tokenizer) {
  const auto ours = source.json.find("gptkit");
  if (!source.chat_template.empty() || ours == source.json.end()) return source.chat_template;
  const auto wanted = json_string(*ours, "prompt_style", source.path.string(), "");
  for (const auto& [name, style] : enum_names(PromptStyle{})) {
    if (wanted == name && style != PromptStyle::kModel) {
      return style_template(style, tokenizer.begin_of_text().has_value());
    }
  }
  return {};
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

namespace {

/// The weights and what belongs to them; an adapter's base is `untied` where the adapter needs it.
LanguageModel load_plain(const std::string& name_or_path, double dropout, bool untied) {
  auto source = open_model(name_or_path);
  if (untied) untie(source);
  const auto opened = open_for(std::move(source), dropout);
  require(!opened.source.is_classifier(), opened.where,
          ": this is a classifier; use the classify program, or name a language model");
  LanguageModel model;
  model.tokenizer = open_tokenizer(opened.source);
  model.roles = open_token_roles(opened.source, *model.tokenizer);
  auto gpt = opened.gpt;
  load_from_hugging_face(gpt, opened.source.tensors);
  require_finite(*gpt, opened.where);
  gpt->eval();
  model.gpt = gpt;
  model.where = opened.where;
  set_chat_template(model, own_template(opened.source, *model.tokenizer), opened.where);
  if (!model.chat && model.chat_problem.empty()) {
    model.chat_problem = opened.source.chat_template_problem;
  }
  return model;
}

/// The base as the adapter names it: a path (also beside the adapter), or a name.
std::string base_of(const AdapterSource& source) {
  const auto where = (source.folder / "adapter_config.json").string();
  require(!source.base.empty(), where, ": base_model_name_or_path is missing; add it");
  const auto beside = source.folder / source.base;
  if (is_there(beside)) return beside.string();
  try {
    return model_path(source.base).string();
  } catch (const Error& error) {
    fail(where, ": base_model_name_or_path: ", error.what());
  }
}

}  // namespace

LanguageModel load_language_model(const std::string& name_or_path, double dropout) {
  if (!is_adapter(name_or_path)) return load_plain(name_or_path, dropout, /*untied=*/false);
  const auto source = open_adapter(name_or_path);
  require(!source.classifier && !source.tensors.contains("score.weight"), name_or_path,
          ": this is the adapter of a classifier; use the classify program");
  auto model = load_plain(base_of(source), dropout, unties(source));
  merge_(load_adapter(source, model.gpt));
  require_finite(*model.gpt, name_or_path);
  model.where = name_or_path;
  return model;
}

void set_chat_template(LanguageModel& model, const std::string& jinja, const std::string& where) {
  model.chat_template = jinja;
  model.chat = nullptr;
  model.chat_problem.clear();
  if (jinja.empty()) return;
  try {
    model.chat = std::make_shared<ChatFormat>(ChatTemplate(jinja, where), model.tokenizer,
                                              special_token_texts(model.roles, *model.tokenizer));
  } catch (const Error& error) {
    model.chat_problem = error.what();
  }
}

const ChatFormat& require_chat(const LanguageModel& model) {
  if (model.chat) return *model.chat;
  require(model.chat_problem.empty(), model.chat_problem);
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
  require(text.empty(), where, ": ", key, " '", printable(text), "' is not supported; expected ",
          "one of ", names);
  return fallback;
}
template <class Enum>
std::string enum_name(Enum wanted) {
  for (const auto& [name, value] : enum_names(Enum{})) {
    if (value == wanted) return name;
  }
  return {};
}

/// transformers' rule where the key is absent: one output is a sigmoid.
ProblemType read_problem_type(const Json& json, int64_t classes, const std::string& where) {
  const auto fallback = classes == 1 ? ProblemType::kMultiLabel : ProblemType::kSingleLabel;
  const auto type = parse_enum(json, "problem_type", where, fallback);
  require(classes > 1 || type != ProblemType::kSingleLabel, where,
          ": problem_type 'single_label_classification' needs two labels or more, but the class "
          "head has one output; for its value as it is the type is 'regression'");
  return type;
}

/// Nothing where config.json has no padding token; some Llamas say -1.
std::optional<int64_t> read_pad_token_id(const Json& json, const std::string& where) {
  const auto id = json_int(json, "pad_token_id", where, -1);
  return id < 0 ? std::nullopt : std::optional(id);
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

/// Where it is not what a reader takes it for without the key.
void write_problem_type(Json& json, ProblemType type) {
  if (type != ProblemType::kSingleLabel) json["problem_type"] = enum_name(type);
}

/// The classifier around a model; its head holds nothing yet. `json` is config.json's or an
/// adapter's description.
TextClassifier make_classifier(const GPT& gpt, const torch::Tensor& score, const Json& json,
                               std::shared_ptr<const Tokenizer> tokenizer, TokenRoles roles,
                               const std::string& where) {
  const auto& config = gpt->config();
  require(score.dim() == 2 && score.size(1) == config.d_model && score.size(0) >= 1, where,
          ": score.weight has shape ", score.sizes(), "; expected (classes, ", config.d_model, ")");
  const auto ours = json.value("gptkit", Json::object());
  TextClassifier model;
  model.where = where;
  model.tokenizer = std::move(tokenizer);
  model.roles = std::move(roles);
  model.classifier =
      Classifier(gpt, score.size(0), parse_enum(ours, "pooling", where, Pooling::kLastToken),
                 /*head_bias=*/false);
  model.labels = read_labels(json, score.size(0), where);
  model.truncate = parse_enum(ours, "truncate", where, Truncate::kRight);
  model.causal = json_bool(ours, "causal", where, true);
  model.pairs = json_bool(ours, "pairs", where, false);
  model.problem_type = read_problem_type(json, score.size(0), where);
  model.classifier->gpt()->set_causal(model.causal);
  model.max_tokens = json_int(ours, "max_tokens", where, config.context_length);
  require(model.max_tokens >= 1 && model.max_tokens <= config.context_length, where,
          ": gptkit.max_tokens ", model.max_tokens, " is out of range; expected 1 to ",
          config.context_length);
  const auto end = model.tokenizer->end_of_text().value_or(0);
  const auto pad_token = read_pad_token_id(json, where);
  const auto pad =
      json_int(ours, "pad_id", where, pad_token.value_or(model.roles.pad.value_or(end)));
  require(pad >= 0 && pad < config.vocab_size, where, ": pad_token_id ", pad,
          " is outside the vocabulary of ", config.vocab_size);
  model.pad_id = static_cast<TokenId>(pad);
  model.skips_padding =
      pad_token == pad && model.causal && model.classifier->pooling() == Pooling::kLastToken;
  return model;
}

void fill_head(const TextClassifier& model, const torch::Tensor& score) {
  torch::NoGradGuard no_grad;
  model.classifier->head()->weight.copy_(score);
}

constexpr const char* kAdapterDescription = "gptkit.json";

/// The language model or the classifier that an adapter was trained on.
struct AdapterBase {
  GPT gpt{nullptr};
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenRoles roles = {};
  Json json = Json::object();  ///< what a classifier says of its labels
  torch::Tensor score;         ///< its class head
};

AdapterBase load_adapter_base(const AdapterSource& source) {
  const auto base = base_of(source);
  auto opened = open_for(open_model(base));
  AdapterBase loaded;
  loaded.tokenizer = open_tokenizer(opened.source);
  loaded.roles = open_token_roles(opened.source, *loaded.tokenizer);
  if (opened.source.is_classifier()) {
    loaded.json = opened.source.json;
    loaded.score = opened.source.tensors.at("score.weight");
  }
  load_from_hugging_face(opened.gpt, opened.source.tensors, {"score.weight"});
  require_finite(*opened.gpt, opened.where);
  loaded.gpt = opened.gpt;
  return loaded;
}

TextClassifier load_classifier_adapter(const fs::path& folder) {
  const auto source = open_adapter(folder);
  const auto where = folder.string();
  const auto base = load_adapter_base(source);
  const bool trained = source.tensors.contains("score.weight");
  require(trained || base.score.defined(), where,
          ": neither this adapter nor its base has a class head (score.weight); it is of a "
          "language model");
  const auto score = trained ? source.tensors.at("score.weight") : base.score;
  auto json = base.json;
  const auto description = folder / kAdapterDescription;
  if (is_there(description)) {
    constexpr uint64_t kMaxBytes = 4 << 20;
    json = parse_json(read_file(description, kMaxBytes), description.string());
    require(json.is_object(), description.string(), ": expected a JSON object");
  }
  auto model = make_classifier(base.gpt, score, json, base.tokenizer, base.roles, where);
  fill_head(model, score);
  attach(load_adapter(source, base.gpt, model.classifier->head()));
  require_finite(*model.classifier, where);
  model.classifier->eval();
  return model;
}

}  // namespace

TextClassifier load_text_classifier(const std::string& name_or_path) {
  if (is_adapter(name_or_path)) return load_classifier_adapter(name_or_path);
  auto opened = open_for(open_model(name_or_path));
  const auto& tensors = opened.source.tensors;
  require(opened.source.is_classifier(), opened.where,
          ": this is a language model without a class head; train one with finetune-classify");
  load_from_hugging_face(opened.gpt, tensors, {"score.weight"});
  const auto score = tensors.at("score.weight");
  const auto tokenizer = open_tokenizer(opened.source);
  const auto config_file = opened.source.path / "config.json";
  auto model = make_classifier(opened.gpt, score, opened.source.json, tokenizer,
                               open_token_roles(opened.source, *tokenizer), config_file.string());
  model.where = opened.where;
  fill_head(model, score);
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
  write_problem_type(json, model.problem_type);
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
                      const Tokenizer& tokenizer, const TokenRoles& roles,
                      const std::string& chat_template) {
  auto complete = json;
  add_token_ids(roles, tokenizer, complete);
  if (!complete.contains("architectures")) {
    complete["architectures"] = {architecture(config, /*classifier=*/false)};
  }
  write_json(folder / "config.json", complete);
  write_json(folder / "generation_config.json", generation_config_json(roles, tokenizer));
  tokenizer.save(folder);
  write_token_roles(folder, roles, tokenizer);
  drop_other_template(folder, chat_template);
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
  save_description(folder, json, config, *model.tokenizer, model.roles, model.chat_template);
}

void save_text_classifier(const fs::path& folder, const TextClassifier& model) {
  const auto gpt = model.classifier->gpt();
  const auto head = model.classifier->head();
  const bool llama = (gpt->config().positions == PositionKind::kRotary);
  auto json = config_to_json(gpt->config(), "float32");
  add_token_ids(model.roles, *model.tokenizer, json);
  json["architectures"] = {architecture(gpt->config(), /*classifier=*/true)};
  json["tie_word_embeddings"] = true;  // no vocabulary head is stored
  write_labels(json, model.labels);
  json["num_labels"] = model.labels.size();
  write_problem_type(json, model.problem_type);
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
  write_token_roles(folder, model.roles, *model.tokenizer,
                    ClassifierTokens{.pad = padded ? std::nullopt : std::optional(model.pad_id),
                                     .max_tokens = model.max_tokens,
                                     .cut_left = model.truncate == Truncate::kLeft});
}

}  // namespace gptkit
