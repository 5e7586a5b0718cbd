#include "weights/bundle.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/linalg_solve.h>

#include <array>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "weights/gpt2_names.h"
#include "weights/tensor_map.h"

namespace gptkit {

namespace {

constexpr std::array kNames = {"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"};

struct Opened {
  fs::path folder;
  std::string where;  // config.json's path
  Json json;
  TensorMap tensors;
  GPT gpt;
};

Opened open_folder(const std::string& name_or_path, double dropout = 0) {
  const auto folder = model_folder(name_or_path);
  const auto where = (folder / "config.json").string();
  constexpr uint64_t kMaxConfigBytes = 4 << 20;
  auto json = parse_json(read_file(folder / "config.json", kMaxConfigBytes), where);
  auto config = gpt2_config_from_json(json, where);
  config.dropout = dropout;
  return {folder, where, std::move(json), TensorMap(safetensors_shards(folder)), GPT(config)};
}

void require_finite(const torch::nn::Module& module, const std::string& where) {
  for (const auto& [name, tensor] : tensors_of(module)) {
    // A sum is finite unless an element is not (or 1e38 is exceeded, which no model reaches).
    require(at::isfinite(tensor.sum()).item<bool>(), where, ": tensor '", name,
            "' holds NaN or infinity; the file is damaged or the training diverged");
  }
}

std::shared_ptr<const Tokenizer> open_tokenizer(const Opened& opened) {
  auto tokenizer = load_tokenizer(opened.folder.string());
  require(tokenizer->vocab_size() <= opened.gpt->config().vocab_size, opened.folder.string(),
          ": the tokenizer has ", tokenizer->vocab_size(), " tokens but the model only ",
          opened.gpt->config().vocab_size, "; they do not belong together");
  return tokenizer;
}

void write_json(const fs::path& path, const Json& json) {
  write_file_atomic(path, dump_json(json, 2) + "\n");
}

Json with_token_ids(Json json, const Tokenizer& tokenizer) {
  const auto end = tokenizer.end_of_text();
  json["bos_token_id"] = end ? Json(*end) : Json(nullptr);
  json["eos_token_id"] = json["bos_token_id"];
  return json;
}

/// The bias b' of the final norm for which W (n + b') = W (n + b) + c: b' = b + W^T (W W^T)^-1 c.
torch::Tensor fold_head_bias(const torch::Tensor& norm_bias, const Linear& head) {
  const auto W = head->weight.detach().to(torch::kFloat64);  // (n_class,C)
  const auto c = head->bias.detach().to(torch::kFloat64);    // (n_class)
  const auto shift = W.t().matmul(at::linalg_solve(W.matmul(W.t()), c));
  return (norm_bias.detach().to(torch::kFloat64) + shift).to(norm_bias.scalar_type());
}

}  // namespace

fs::path model_folder(const std::string& name_or_path) {
  const bool is_name = std::find(kNames.begin(), kNames.end(), name_or_path) != kNames.end();
  const fs::path folder = is_name && !fs::exists(fs::path(name_or_path) / "config.json")
                              ? gptkit_home() / name_or_path
                              : fs::path(name_or_path);
  if (is_name) {
    require(fs::exists(folder / "config.json"), "model '", name_or_path, "': ", folder.string(),
            "/config.json is not there; fetch it with: bash third_party/setup.sh --weights ",
            name_or_path);
  }
  require(fs::is_directory(folder), "model '", name_or_path,
          "': no such folder; expected a folder with config.json and model.safetensors, or gpt2, "
          "gpt2-medium, gpt2-large, gpt2-xl");
  require(fs::exists(folder / "config.json"), "model '", name_or_path,
          "': the folder has no config.json; a run's finished model is in its model/ folder");
  return folder;
}

LanguageModel load_language_model(const std::string& name_or_path, double dropout) {
  auto opened = open_folder(name_or_path, dropout);
  require(!opened.tensors.contains("score.weight"), opened.folder.string(),
          ": this is a classifier; use the classify program, or name a language model");
  load_gpt2_from_hugging_face(opened.gpt, opened.tensors);
  require_finite(*opened.gpt, opened.folder.string());
  opened.gpt->eval();
  LanguageModel model{opened.gpt, open_tokenizer(opened)};
  if (const auto ours = opened.json.find("gptkit"); ours != opened.json.end()) {
    const auto style = json_string(*ours, "prompt_style", opened.where, "plain");
    for (const auto& [name, value] : enum_names(PromptStyle{})) {
      if (style == name) model.prompt_style = value;
    }
  }
  return model;
}

TextClassifier load_text_classifier(const std::string& name_or_path) {
  auto opened = open_folder(name_or_path);
  require(opened.tensors.contains("score.weight"), opened.folder.string(),
          ": this is a language model without a class head; train one with finetune-classify");
  load_gpt2_from_hugging_face(opened.gpt, opened.tensors, {"score.weight"});

  TextClassifier model;
  const auto score = opened.tensors.at("score.weight");
  const auto& config = opened.gpt->config();
  require(score.dim() == 2 && score.size(1) == config.d_model && score.size(0) >= 1,
          opened.folder.string(), ": score.weight has shape ", score.sizes(),
          "; expected (classes, ", config.d_model, ")");
  const auto ours = opened.json.value("gptkit", Json::object());
  const auto pooling = json_string(ours, "pooling", opened.where, "last_token");
  model.classifier =
      Classifier(opened.gpt, score.size(0),
                 pooling == "last_position" ? Pooling::kLastPosition : Pooling::kLastToken,
                 /*head_bias=*/false);
  {
    torch::NoGradGuard no_grad;
    model.classifier->head()->weight.copy_(score);
  }
  require_finite(*model.classifier, opened.folder.string());
  model.classifier->eval();
  model.tokenizer = open_tokenizer(opened);

  const auto names = opened.json.value("id2label", Json::object());
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
  const auto pad = json_int(ours, "pad_id", opened.where,
                            json_int(opened.json, "pad_token_id", opened.where, end));
  require(pad >= 0 && pad < config.vocab_size, opened.where, ": pad_token_id ", pad,
          " is outside the vocabulary of ", config.vocab_size);
  model.pad_id = static_cast<TokenId>(pad);
  return model;
}

void save_language_model(const fs::path& folder, const LanguageModel& model) {
  auto json = with_token_ids(gpt2_config_to_json(model.gpt->config()), *model.tokenizer);
  json["architectures"] = {"GPT2LMHeadModel"};
  for (const auto& [name, value] : enum_names(PromptStyle{})) {
    if (value == model.prompt_style) json["gptkit"]["prompt_style"] = name;
  }
  save_tensors(folder / "model.safetensors", gpt2_to_hugging_face(model.gpt));
  write_json(folder / "config.json", json);
  write_json(folder / "generation_config.json",
             {{"bos_token_id", json["bos_token_id"]}, {"eos_token_id", json["eos_token_id"]}});
  model.tokenizer->save(folder);
}

void save_text_classifier(const fs::path& folder, const TextClassifier& model) {
  const auto gpt = model.classifier->gpt();
  const auto head = model.classifier->head();
  auto json = with_token_ids(gpt2_config_to_json(gpt->config()), *model.tokenizer);
  json["architectures"] = {"GPT2ForSequenceClassification"};
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

  NamedTensors tensors;
  for (auto& [name, tensor] : gpt2_to_hugging_face(gpt)) {
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
