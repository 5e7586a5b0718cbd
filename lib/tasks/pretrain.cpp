#include "tasks/pretrain.h"

#include <map>

#include "base/log.h"
#include "base/progress.h"
#include "data/windows.h"
#include "model/device.h"
#include "model/init.h"
#include "tasks/language_model_task.h"

namespace gptkit {

namespace {

/// The tokenizer's vocabulary decides unless the config does; then the model must have room.
void settle_vocabulary(PretrainConfig& config, const ConfigOrigins& origins,
                       const Tokenizer& tokenizer) {
  if (!origins.contains("model.vocab_size")) {
    config.model.vocab_size = tokenizer.vocab_size();
  }
  require(config.model.vocab_size >= tokenizer.vocab_size(), "model.vocab_size ",
          config.model.vocab_size, " is smaller than the tokenizer's ", tokenizer.vocab_size(),
          " tokens; leave it out, or choose the tokenizer that belongs to it");
}

/// A model to go on from has its shape; settings that ask for another one are refused. A shorter
/// context_length only makes the windows shorter.
void take_shape(PretrainModelConfig& wanted, const ModelConfig& found,
                const ConfigOrigins& origins) {
  const auto& from = wanted.from.text;
  require(wanted.preset.empty(), "model.preset ", wanted.preset, " and model.from ", from,
          ": a model to go on from has its own shape; leave one of them out");
  const bool shorter =
      origins.contains("model.context_length") && wanted.context_length <= found.context_length;
  auto taken = found;
  taken.dropout = wanted.dropout;
  taken.init = wanted.init;
  if (shorter) taken.context_length = wanted.context_length;

  std::map<std::string, std::string> expected;
  const auto text = [](const auto& value) { return config_detail::scalar_to_yaml(value); };
  visit_fields(taken, [&](const std::string& key, auto& value, const auto&) {
    expected[key] = text(value);
  });
  visit_fields(static_cast<ModelConfig&>(wanted), [&](const std::string& key, auto& value,
                                                      const auto&) {
    require(!origins.contains("model." + key) || text(value) == expected[key], "model.", key, " ",
            text(value), " does not fit ", from, ", which has ", expected[key], "; leave it out");
  });
  static_cast<ModelConfig&>(wanted) = taken;
}

LanguageModel starting_model(PretrainConfig& config, const ConfigOrigins& origins) {
  LanguageModel model;
  if (config.model.from.empty()) {
    model.tokenizer = load_tokenizer(config.tokenizer.text);
    settle_vocabulary(config, origins, *model.tokenizer);
    model.gpt = GPT(config.model);
    initialize_(model.gpt);
    return model;
  }
  model = load_language_model(config.model.from.text, config.model.dropout);
  take_shape(config.model, model.gpt->config(), origins);
  return model;
}

}  // namespace

PretrainConfig load_pretrain_config(const ConfigInputs& inputs, ConfigOrigins& origins) {
  PretrainConfig first;
  load_config(first, inputs);
  PretrainConfig config;
  if (!first.model.preset.empty()) {
    static_cast<ModelConfig&>(config.model) = model_preset(first.model.preset);
  }
  origins = load_config(config, inputs);
  validate(static_cast<const ModelConfig&>(config.model));
  validate(config.train);
  validate(config.sample);
  parse_validation(config.data.validation);
  require(config.data.stride >= 0, "data.stride: ", config.data.stride,
          " is out of range; expected 0 (the context length) or more");
  return config;
}

std::string describe(const PretrainConfig& wanted, const ConfigOrigins& origins) {
  auto config = wanted;
  try {
    settle_vocabulary(config, origins, *load_tokenizer(config.tokenizer.text));
  } catch (const Error&) {  // the settings can be looked at before the tokenizer is there
  }
  const auto parameters = parameter_count(config.model);
  const double flops = forward_flops(config.model, 1, config.model.context_length);
  // Weights, gradients and AdamW's two moments, in float32.
  const double training = 16.0 * static_cast<double>(parameters);
  return concat("# ", format_count(parameters),
                " parameters: ", format_bytes(4.0 * static_cast<double>(parameters)),
                " of weights, ", format_bytes(training), " while training, without activations\n# ",
                flops, " FLOPs to run ", config.model.context_length, " tokens forward, ",
                3 * flops, " to train on them\n", config_to_yaml(config, &origins));
}

PretrainSummary run_pretrain(const TaskRequest& wanted) {
  const auto request = with_run_folder(wanted, "pretrain");
  ConfigOrigins origins;
  auto config = load_pretrain_config(request.inputs, origins);
  require(!config.data.train.empty(),
          "data.train: no training text; name files in the config or with --set data.train=FILE");
  const auto device = join_ranks(config.device, config.train);
  set_threads(request.threads);

  seed_everything(config.seed);
  auto model = starting_model(config, origins);
  const auto context = config.model.context_length;
  if (const auto& prompt = config.sample.prompt; !prompt.empty()) {
    require_room(std::ssize(encode_text(*model.tokenizer, prompt)), model, "sample.prompt");
  }
  const auto validation = parse_validation(config.data.validation);
  const auto corpus = load_corpus({.train = config.data.train,
                                   .validation = validation.files,
                                   .validation_fraction = validation.fraction,
                                   .split_by = config.data.split_by,
                                   .allow_special = config.data.allow_special},
                                  *model.tokenizer);
  const WindowOptions windows{context, config.data.stride > 0 ? config.data.stride : context};
  const auto train_set = std::make_shared<WindowDataset>(corpus.train, windows, "training text");
  std::shared_ptr<const Dataset> validation_set;
  if (corpus.validation.size() > 0) {
    validation_set = std::make_shared<WindowDataset>(corpus.validation, windows, "validation text");
  }

  const RunFolder run(request.out, request.mode);
  run.write_config(config_to_yaml(config));
  log_info("model: ", format_count(parameter_count(model.gpt->config())),
           " parameters; text: ", format_count(corpus.train.size()), " training and ",
           format_count(corpus.validation.size()), " validation tokens; windows of ", context,
           " tokens");
  model.gpt->to(device);
  LanguageModelTask task(
      model, {train_set, validation_set, corpus.train.fingerprint()}, config.train,
      config.sample.every_evaluation,
      [&](const std::string& when) { write_sample(model, config.sample, when, run.path()); });
  const auto summary = train(task, config.train, run);
  model.gpt->eval();
  run.write_model([&](const fs::path& folder) { save_language_model(folder, model); });
  return {summary, run.path()};
}

}  // namespace gptkit
