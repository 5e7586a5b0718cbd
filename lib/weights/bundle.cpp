#include "weights/bundle.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_solve.h>

#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
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
    // A sum is finite unless an element is not (or 1e38 is exceeded, which no model reaches).
    require(at::isfinite(tensor.sum()).item<bool>(), where, ": tensor '", name,
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
torch::Tensor fold_head_bias(const torch::Tensor& norm_bias, const Linear& head) {
  const auto W = head->weight.detach().to(torch::kFloat64);  // (n_class,C)
  const auto c = head->bias.detach().to(torch::kFloat64);    // (n_class)
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

TextClassifier load_text_classifier(const std::string& name_or_path) {
  auto opened = open_for(name_or_path);
  const auto& tensors = opened.source.tensors;
  const auto& json = opened.source.json;
  require(opened.source.is_classifier(), opened.where,
          ": this is a language model without a class head; train one with finetune-classify");
  load_from_hugging_face(opened.gpt, tensors, {"score.weight"});

  TextClassifier model;
  const auto score = tensors.at("score.weight");
  const auto& config = opened.gpt->config();
  require(score.dim() == 2 && score.size(1) == config.d_model && score.size(0) >= 1, opened.where,
          ": score.weight has shape ", score.sizes(), "; expected (classes, ", config.d_model, ")");
  const auto ours = json.value("gptkit", Json::object());
  const auto pooling = json_string(ours, "pooling", opened.where, "last_token");
  model.classifier =
      Classifier(opened.gpt, score.size(0),
                 pooling == "last_position" ? Pooling::kLastPosition : Pooling::kLastToken,
                 /*head_bias=*/false);
  {
    torch::NoGradGuard no_grad;
    model.classifier->head()->weight.copy_(score);
  }
  require_finite(*model.classifier, opened.where);
  model.classifier->eval();
  model.tokenizer = open_tokenizer(opened.source);

  const auto names = json.value("id2label", Json::object());
  require(
      names.is_object() && (names.empty() || static_cast<int64_t>(names.size()) == score.size(0)),
      opened.where, ": id2label has ", names.size(), " labels but score.weight has ", score.size(0),
      " rows");
  for (int64_t i = 0; i < score.size(0); ++i) {
    const auto id = std::to_string(i);
    model.labels.push_back(json_string(names, id, opened.where, "LABEL_" + id));
  }
  const auto end = model.tokenizer->end_of_text().value_or(0);
  model.max_tokens = json_int(ours, "max_tokens", opened.where, config.context_length);
  require(model.max_tokens >= 1 && model.max_tokens <= config.context_length, opened.where,
          ": gptkit.max_tokens ", model.max_tokens, " is out of range; expected 1 to ",
          config.context_length);
  const auto pad =
      json_int(ours, "pad_id", opened.where, json_int(json, "pad_token_id", opened.where, end));
  require(pad >= 0 && pad < config.vocab_size, opened.where, ": pad_token_id ", pad,
          " is outside the vocabulary of ", config.vocab_size);
  model.pad_id = static_cast<TokenId>(pad);
  return model;
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
  for (size_t i = 0; i < model.labels.size(); ++i) {
    json["id2label"][std::to_string(i)] = model.labels[i];
    json["label2id"][model.labels[i]] = i;
  }
  json["num_labels"] = model.labels.size();
  const bool last_token = model.classifier->pooling() == Pooling::kLastToken;
  // transformers reads the last position that is not padding when it knows the padding's id, and
  // the last position when it does not: the two poolings.
  json["pad_token_id"] = last_token ? Json(model.pad_id) : Json(nullptr);
  json["gptkit"]["pooling"] = last_token ? "last_token" : "last_position";
  json["gptkit"]["max_tokens"] = model.max_tokens;
  json["gptkit"]["pad_id"] = model.pad_id;

  require(!llama || !head->bias.defined(), "a Llama's class head is stored without a bias");
  NamedTensors tensors;
  for (auto& [name, tensor] : hugging_face_tensors(gpt)) {
    if (name == "lm_head.weight") continue;
    const bool fold = name == "transformer.ln_f.bias" && head->bias.defined();
    tensors.emplace_back(name, fold ? fold_head_bias(tensor, head) : tensor);
  }
  tensors.emplace_back("score.weight", head->weight.detach());
  save_tensors(folder / "model.safetensors", tensors);
  write_json(folder / "config.json", json);
  model.tokenizer->save(folder);
}

}  // namespace gptkit
