#include "tasks/finetune_classify/preparation.h"

#include "base/error.h"
#include "models/init.h"
#include "tasks/training/seed.h"
#include "text/end_of_text.h"

namespace gptkit {

namespace {

/// Makes the last n blocks and the final norm trainable.
void thaw_blocks(const GPT& gpt, int64_t n) {
  require(n >= 1 && n <= gpt->config().n_layer, Key{"classifier.trainable_blocks"}, ": ", n,
          " is out of range; the model has ", gpt->config().n_layer, " blocks");
  for (int64_t i = gpt->config().n_layer - n; i < gpt->config().n_layer; ++i) {
    for (auto& parameter : gpt->block(i)->parameters()) parameter.requires_grad_(true);
  }
  if (const auto norm = gpt->final_norm()) {
    for (auto& parameter : norm->parameters()) parameter.requires_grad_(true);
  }
}

/// Freezes everything that the config does not train, and adds adapters if it has any.
AdapterLayers choose_what_learns(Classifier& classifier, const FinetuneClassifyConfig& config) {
  auto gpt = classifier->gpt();
  const auto head = classifier->head();
  if (config.lora.rank > 0) {
    for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
    auto adapter = make_adapter(gpt, head, config.lora);
    attach(adapter);
    if (head->lora()) head->weight.requires_grad_(false);
    return adapter;
  }
  const auto& c = config.classifier;
  // Not part of the loss: several processes would wait for its gradient forever.
  if (gpt->head() && c.language_model_loss == 0) gpt->head()->weight.requires_grad_(false);
  if (c.trainable == Trainable::kAll) return {};
  for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
  if (c.trainable == Trainable::kLastBlock) thaw_blocks(gpt, 1);
  if (c.trainable == Trainable::kLastN) thaw_blocks(gpt, c.trainable_blocks);
  return {};
}

}  // namespace

PretrainedBackbone open_backbone(const FinetuneClassifyConfig& config,
                                 const std::vector<std::string>& labels) {
  const auto base = load_language_model(config.model.text, {.dropout = config.classifier.dropout});
  const auto& c = config.classifier;
  const int64_t context = base.gpt->config().context_length;
  require(c.max_tokens <= context, Key{"classifier.max_tokens"}, ": ", c.max_tokens,
          " is longer than the model's context of ", context);
  require(!c.head_bias || holds_head_bias(base.gpt), Key{"classifier.head_bias"},
          ": a class head of family ", base.gpt->config().family,
          " is stored without a bias; set it to false");

  PretrainedBackbone backbone{.gpt = base.gpt};
  auto& model = backbone.model;
  model.tokenizer = base.tokenizer;
  model.labels = labels;
  model.roles = base.roles;
  model.pad_id = base.roles.pad ? *base.roles.pad : require_end_of_text(*base.tokenizer);
  model.truncate = c.truncate;
  model.causal = c.causal;
  model.pairs = !config.data.columns.pair_column.empty();
  backbone.gpt->set_causal(c.causal);
  return backbone;
}

AdapterLayers add_head(PretrainedBackbone& backbone, const FinetuneClassifyConfig& config,
                       torch::Device device) {
  auto& model = backbone.model;
  seed_everything(config.seed);
  if (config.classifier.random_weights) initialize_(backbone.gpt);
  model.classifier = Classifier(backbone.gpt, std::ssize(model.labels), config.classifier.pooling,
                                config.classifier.head_bias);
  auto head = model.classifier->head();
  initialize_linear_(head);
  auto adapter = choose_what_learns(model.classifier, config);
  model.classifier->to(device);
  return adapter;
}

int64_t trainable_parameters(const Classifier& classifier) {
  int64_t n = 0;
  for (const auto& parameter : classifier->parameters()) {
    if (parameter.requires_grad()) n += parameter.numel();
  }
  return n;
}

}  // namespace gptkit
