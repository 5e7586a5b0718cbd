#pragma once
// Pretraining: a GPT learns to predict the next token of raw text, from scratch or from a model.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/family.h"
#include "tasks/pretrain/pretrain_data.h"
#include "tasks/training/request.h"
#include "tasks/training/samples.h"
#include "train/config.h"
#include "train/dry_run.h"
#include "train/trainer.h"

namespace gptkit {

/// `model:` of pretraining: a preset and changes to it, or (as a bare name) a model to start from.
struct PretrainModelConfig : ModelConfig {
  static constexpr const char* kShorthand = "from";
  NameOrPath from;
  std::string preset;
};

template <class Visitor>
void visit_fields(PretrainModelConfig& c, Visitor&& visit) {
  visit("from", c.from, "model folder or name to start from; empty: train from scratch");
  visit(
      "preset", c.preset,
      "gpt2 ... gpt2-xl, smollm2-135m, -360m or -1.7b, qwen2.5-0.5b or mistral-7b: values for the "
      "fields that are not set");
  visit_fields(static_cast<ModelConfig&>(c), visit);
}

struct PretrainConfig {
  int64_t seed = 123;
  std::string device = "auto";
  NameOrPath tokenizer = {"gpt2"};
  PretrainModelConfig model;
  PretrainDataConfig data;
  TrainConfig train;
  SampleConfig sample;
};

template <class Visitor>
void visit_fields(PretrainConfig& c, Visitor&& visit) {
  visit("seed", c.seed, "seed of weights, data order and dropout; -1: draw a new seed");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("tokenizer", c.tokenizer,
        "gpt2, a folder or a .model file; model.from brings its own tokenizer");
  visit("model", c.model, "model architecture");
  visit("data", c.data, "training data");
  visit("train", c.train, "training settings");
  visit("sample", c.sample, "text generated during training");
}

/// The config of a request: preset and family first, then what the files and options set.
/// Validated.
PretrainConfig load_pretrain_config(const ConfigInputs& inputs, ConfigOrigins& origins);

/// The resolved YAML with origins and, as comments, the model's parameters, memory and FLOPs.
std::string describe(const PretrainConfig& wanted, const ConfigOrigins& origins);

struct PretrainSummary {
  TrainSummary train;
  std::filesystem::path run;
  std::optional<DryRun> dry_run;  ///< if set, the others are empty
};

/// Trains and writes the model to <out>/model; with request.dry_run only runs the first steps.
/// `world` joins the other processes of the training, if there are any.
PretrainSummary run_pretrain(const TaskRequest& wanted, World& world);

}  // namespace gptkit
