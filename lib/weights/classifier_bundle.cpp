// The part of weights/bundle.h for classifiers.

#include <ATen/ops/linalg_solve.h>

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "models/tensor_names.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/opened_model.h"
#include "weights/tensor_files.h"

namespace gptkit {

namespace {

void write_json(const fs::path& path, const Json& json) {
  write_file_atomic(path, dump_json(json, 2) + "\n");
}

/// The bias b' of the final norm for which W (n + b') = W (n + b) + c: b' = b + W^T (W W^T)^-1 c.
torch::Tensor fold_head_bias(const torch::Tensor& norm_bias, const torch::Tensor& weight,
                             const torch::Tensor& bias) {
  const auto W = weight.detach().to(torch::kFloat64);  // (n_class,C)
  const auto c = bias.detach().to(torch::kFloat64);    // (n_class)
  const auto shift = W.t().matmul(at::linalg_solve(W.matmul(W.t()), c));
  return (norm_bias.detach().to(torch::kFloat64) + shift).to(norm_bias.scalar_type());
}

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
          "head has one output; to use its unchanged value, set the type to 'regression'");
  return type;
}

/// Empty if config.json has no padding token; some Llama models store -1.
std::optional<int64_t> read_pad_token_id(const Json& json, const std::string& where) {
  const auto id = json_int(json, "pad_token_id", where, -1);
  return id < 0 ? std::nullopt : std::optional(id);
}

/// The settings that config.json stores beside transformers' own keys, and an adapter in a separate
/// file.
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

/// Written only if it differs from what a reader assumes without the key.
void write_problem_type(Json& json, ProblemType type) {
  if (type != ProblemType::kSingleLabel) json["problem_type"] = enum_name(type);
}

/// The classifier around a model; its head is not filled yet. `json` is config.json's or an
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
  Json json = Json::object();  ///< the labels of a classifier
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

bool holds_head_bias(const GPT& gpt) {
  const auto norm = gpt->final_norm();
  return norm && norm->bias.defined();
}

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
    const auto name = hugging_face_layer(gpt->config(), "final_norm");
    whole.emplace_back(name + ".weight", norm->weight);
    whole.emplace_back(name + ".bias", fold_head_bias(norm->bias, weight, head->bias));
  }
  save_adapter(folder, gpt, config, base, whole, /*classifier=*/true);
  Json json = {{"gptkit", describe(model)}};
  write_labels(json, model.labels);
  write_problem_type(json, model.problem_type);
  write_json(folder / kAdapterDescription, json);
}

void save_text_classifier(const fs::path& folder, const TextClassifier& model) {
  const auto gpt = model.classifier->gpt();
  const auto head = model.classifier->head();
  auto json = config_to_json(gpt->config(), "float32");
  add_token_ids(model.roles, *model.tokenizer, json);
  json["architectures"] = {architecture(gpt->config(), /*classifier=*/true)};
  json["tie_word_embeddings"] = true;  // no vocabulary head is stored
  write_labels(json, model.labels);
  json["num_labels"] = model.labels.size();
  write_problem_type(json, model.problem_type);
  // transformers reads the last position that is not padding if it knows the id of padding, and
  // otherwise the last position. These are the two poolings.
  const bool padded = model.classifier->pooling() == Pooling::kLastPosition;
  json["pad_token_id"] = padded ? Json(nullptr) : Json(model.pad_id);
  json["gptkit"].update(describe(model));

  require(!head->bias.defined() || holds_head_bias(gpt), "a class head of family ",
          gpt->config().family, " is stored without a bias");
  const auto norm_bias = hugging_face_layer(gpt->config(), "final_norm") + ".bias";
  NamedTensors tensors;
  const auto vocabulary_head = hugging_face_layer(gpt->config(), "head") + ".weight";
  for (auto& [name, tensor] : hugging_face_tensors(gpt)) {
    if (name == vocabulary_head) continue;
    const bool fold = name == norm_bias && head->bias.defined();
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
