#include "weights/bundle.h"

#include <utility>

#include "base/error.h"
#include "chat/styles.h"
#include "models/tensor_names.h"
#include "nn/linear.h"
#include "tensors/finite.h"
#include "weights/hugging_face_names.h"
#include "weights/opened_model.h"
#include "weights/stored_layers.h"

namespace gptkit {

namespace {

constexpr const char* kNotFinite =
    "' holds NaN or infinity; the file is damaged or the training diverged";

/// Stores the head as a separate tensor.
void untie(ModelSource& source) {
  if (!source.config.tie_embeddings) return;
  source.config.tie_embeddings = false;
  const auto head = hugging_face_layer(source.config, "head") + ".weight";
  if (source.tensors.contains(head)) return;  // a copy of the embedding
  const auto embedding = hugging_face_layer(source.config, "token_embedding");
  source.tensors.add(head, source.tensors.source(embedding + ".weight"));
}

/// The model's own template, or the one that a model of version 0.1 names.
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

void require_language_model(const ModelSource& source) {
  const auto where = source.path.string();
  require(!source.is_classifier(), where,
          ": this is a classifier; use the classify program, or name a language model");
  require(source.config.attention == AttentionMask::kCausal, where,
          ": attention is bidirectional; expected a causal language model, which predicts the next "
          "token");
}

/// The metadata of the weights.
void open_text(ModelText& model, const ModelSource& source) {
  model.tokenizer = open_tokenizer(source);
  model.roles = open_token_roles(source, *model.tokenizer);
  model.where = source.path.string();
  set_chat_template(model, own_template(source, *model.tokenizer), model.where);
  if (!model.chat && model.chat_problem.empty()) {
    model.chat_problem = source.chat_template_problem;
  }
}

LanguageModel load_plain(ModelSource source, const LoadOptions& options) {
  require_language_model(source);
  const auto opened = open_for(std::move(source), options.dropout);
  LanguageModel model;
  open_text(model, opened.source);
  auto gpt = opened.gpt;
  load_from_hugging_face(gpt, opened.source.tensors, {},
                         options.keep_quantized ? Quantized::kKeep : Quantized::kDecode);
  require_finite(*gpt, opened.where);
  gpt->eval();
  model.gpt = gpt;
  return model;
}

}  // namespace

Opened open_for(ModelSource source, double dropout) {
  source.config.dropout = dropout;
  const auto where = source.path.string();
  const GPT gpt(source.config);
  return {std::move(source), where, gpt};
}

void require_finite(const torch::nn::Module& module, const std::string& where) {
  for (const auto& [name, tensor] : tensors_of(module)) {
    require(all_finite(tensor), where, ": tensor '", name, kNotFinite);
  }
  for (const auto& item : module.named_modules()) {
    const auto linear = std::dynamic_pointer_cast<LinearImpl>(item.value());
    if (!linear) continue;
    for (const auto& part : linear->quantized()) {
      require(all_finite(part.dequantize()), where, ": tensor '", item.key(), ".weight",
              kNotFinite);
    }
  }
}

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

LanguageModel load_language_model(const std::string& name_or_path, const LoadOptions& options) {
  if (!is_adapter(name_or_path)) return load_plain(open_model(name_or_path), options);
  require(!options.keep_quantized, name_or_path,
          ": an adapter is merged into float32 weights; quantised weights cannot be kept");
  const auto source = open_adapter(name_or_path);
  require(!source.classifier && !source.tensors.contains("score.weight"), name_or_path,
          ": this is the adapter of a classifier; use the classify program");
  auto base = open_model(base_of(source));
  if (unties(source, base.config)) untie(base);
  auto model = load_plain(std::move(base), options);
  merge_(load_adapter(source, model.gpt));
  require_finite(*model.gpt, name_or_path);
  model.where = name_or_path;
  return model;
}

LanguageModelLayers open_layers(const std::string& name_or_path) {
  LanguageModelLayers model;
  if (is_adapter(name_or_path)) {
    const auto merged = load_language_model(name_or_path);
    static_cast<ModelText&>(model) = merged;
    model.config = merged.gpt->config();
    model.layers = layers_of(merged.gpt);
    return model;
  }
  const auto source = open_model(name_or_path);
  require_language_model(source);
  open_text(model, source);
  model.config = source.config;
  model.layers = stored_layers(source);
  return model;
}

DecodingBundle open_for_decoding(const std::string& name_or_path, const DecodingOptions& options) {
  auto opened = open_layers(name_or_path);
  DecodingBundle bundle;
  bundle.model = std::make_unique<DecodingModel>(opened.config, opened.layers, options);
  check_mapped_files();
  static_cast<ModelText&>(bundle) = std::move(opened);
  return bundle;
}

void set_chat_template(ModelText& model, const std::string& jinja, const std::string& where) {
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

const ChatFormat& require_chat(const ModelText& model) {
  if (model.chat) return *model.chat;
  require(model.chat_problem.empty(), model.chat_problem);
  fail("this model was never finetuned to chat; leave ", Key{"chat"},
       " out, finetune it with "
       "finetune-instruct, or name a model with a chat template");
}

}  // namespace gptkit
