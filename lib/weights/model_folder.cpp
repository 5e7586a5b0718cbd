#include "weights/model_folder.h"

#include "text/tokenizer_folder.h"

namespace gptkit {

namespace {

const OwnedFolder kMoreTemplates = {.what = "chat templates", .names = {{"*.jinja"}}};

}  // namespace

const OwnedFolder& model_folder() {
  static const OwnedFolder list = [] {
    OwnedFolder model{.what = "a model",
                      .names = {{"config.json"},
                                {"generation_config.json"},
                                {"model.safetensors"},
                                {"model-#-of-#.safetensors"},
                                {"model.safetensors.index.json"},
                                {"chat_template.jinja"},
                                {"additional_chat_templates", &kMoreTemplates}},
                      .marks = {"model.safetensors", "model.safetensors.index.json"}};
    const auto& tokenizer = tokenizer_folder().names;
    model.names.insert(model.names.end(), tokenizer.begin(), tokenizer.end());
    return model;
  }();
  return list;
}

const OwnedFolder& adapter_folder() {
  static const OwnedFolder list = {
      .what = "an adapter",
      .names = {{"adapter_config.json"}, {"adapter_model.safetensors"}, {"gptkit.json"}},
      .marks = {"adapter_model.safetensors"}};
  return list;
}

}  // namespace gptkit
