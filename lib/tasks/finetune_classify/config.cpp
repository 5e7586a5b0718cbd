#include "tasks/finetune_classify/config.h"

#include "base/error.h"
#include "models/adapter.h"

namespace gptkit {

namespace {

void check_ranges(const FinetuneClassifyConfig& config) {
  validate(config.train);
  validate(config.data.split);
  const auto& c = config.classifier;
  require(c.max_tokens >= 0, Key{"classifier.max_tokens"}, ": ", c.max_tokens,
          " is out of range; expected 0 (the longest training text) or more");
  require(c.dropout >= 0 && c.dropout < 1, Key{"classifier.dropout"}, ": ", c.dropout,
          " is out of range; expected at least 0 and less than 1");
  require(c.trainable_blocks >= 1, Key{"classifier.trainable_blocks"}, ": ", c.trainable_blocks,
          " is out of range; expected at least 1");
  require(c.language_model_loss >= 0 && c.language_model_loss <= 100,
          Key{"classifier.language_model_loss"}, ": ", c.language_model_loss,
          " is out of range; expected 0 (none) to 100");
  require(c.causal || c.language_model_loss == 0, Key{"classifier.language_model_loss"},
          ": bidirectional attention sees the next token; set it to 0, "
          "or classifier.causal to true");
  require(c.causal || c.pooling == Pooling::kLastPosition, Key{"classifier.causal"},
          ": false requires classifier.pooling last_position, because its padding is "
          "the same in every batch");
  require(c.frozen_backbone_dtype == Precision::kFloat32 ||
              c.frozen_backbone_dtype == Precision::kBFloat16,
          Key{"classifier.frozen_backbone_dtype"}, ": expected float32 or bfloat16");
  require(config.data.folds == 0 || (config.data.folds >= 2 && config.data.folds <= 100),
          Key{"data.folds"}, ": ", config.data.folds,
          " is out of range; expected 0 (train once) or 2 to 100");
  validate(config.lora);
}

}  // namespace

FinetuneClassifyConfig load_finetune_classify_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins) {
  FinetuneClassifyConfig config;
  origins = load_config(config, inputs);
  with_origins(origins, [&] { check_ranges(config); });
  return config;
}

uint32_t data_seed(const FinetuneClassifyConfig& config) {
  return static_cast<uint32_t>(config.data.seed >= 0 ? config.data.seed : config.seed);
}

}  // namespace gptkit
