#include "tasks/pretrain/pretrain.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/strings.h"
#include "models/init.h"
#include "tasks/training/language_model_objective.h"
#include "tasks/training/ranks.h"
#include "tasks/training/seed.h"
#include "tensors/device.h"
#include "train/finished.h"
#include "train/run_length.h"

namespace gptkit {

namespace {

/// The vocabulary size is that of the tokenizer. If the config sets it, it must not be smaller.
void settle_vocabulary(PretrainConfig& config, const ConfigOrigins& origins,
                       const Tokenizer& tokenizer) {
  if (!origins.contains("model.vocab_size")) {
    config.model.vocab_size = tokenizer.vocab_size();
  }
  require(config.model.vocab_size >= tokenizer.vocab_size(), Key{"model.vocab_size"}, ": ",
          config.model.vocab_size, " is smaller than the tokenizer's ", tokenizer.vocab_size(),
          " tokens; leave it out, or choose the tokenizer that belongs to it");
}

/// A model to start from has its own shape; settings that differ are refused. A shorter
/// context_length only makes the windows shorter.
void take_shape(PretrainModelConfig& wanted, const ModelConfig& found,
                const ConfigOrigins& origins) {
  const auto& from = wanted.from.text;
  require(wanted.preset.empty(), Key{"model.preset"}, ": ", wanted.preset, " and model.from ", from,
          ": a model to start from has its own shape; leave one of them out");
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
    const auto name = "model." + key;
    require(!origins.contains(name) || text(value) == expected[key], Key{name}, ": ", text(value),
            " does not fit ", from, ", which has ", expected[key], "; leave it out");
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
  model = load_language_model(config.model.from.text, {.dropout = config.model.dropout});
  take_shape(config.model, model.gpt->config(), origins);
  return model;
}

Loader train_loader(const PretrainData& data, const TrainConfig& train) {
  return {data.train, {.batch_size = train.batch_size(), .drop_last = true}};
}

/// A mixture has no end of its own: max_steps or token_budget ends the run if one is set, else
/// epochs (each with as many windows as all sources together).
void let_budget_decide(TrainConfig& train, const PretrainData& data, int64_t context) {
  if (!data.mixture || (train.max_steps == 0 && train.token_budget == 0)) return;
  const int64_t budget_steps = train.token_budget / (train.batch_size() * context) + 1;
  const int64_t steps = std::max(train.max_steps, budget_steps);
  train.epochs = steps / train_loader(data, train).batches() + 1;
}

/// Logs the training data: the result of the filter, and the table of the mixture.
void report_data(const PretrainData& data, const PretrainConfig& config, const RunFolder& run) {
  if (data.filter_report) {
    log_info(describe(*data.filter_report));
    const auto report = dump_json(to_json(*data.filter_report), 2) + "\n";
    run.when_begun([&run, report] { write_file_atomic(run.path() / kFilterReportFile, report); });
  }
  if (!data.mixture) return;
  const auto steps = run_length(config.train, train_loader(data, config.train)).steps;
  log_info(mixture_table(data, config.data, steps * config.train.batch_size(),
                         config.model.context_length));
}

/// Files, folders and globs that the run reads.
std::vector<fs::path> inputs_of(const PretrainConfig& config) {
  std::vector<fs::path> inputs = config.data.train;
  for (const auto& source : config.data.sources) inputs.push_back(source.path);
  for (const auto& file : parse_validation(config.data.validation).files) inputs.push_back(file);
  inputs.emplace_back(config.model.from.text);
  inputs.emplace_back(config.tokenizer.text);
  return inputs;
}

}  // namespace

namespace {

void check_ranges(const PretrainConfig& config) {
  validate(static_cast<const ModelConfig&>(config.model));
  require(config.model.attention == AttentionMask::kCausal, Key{"model.attention"},
          ": bidirectional does not fit pretraining, in which each token predicts the "
          "next one; expected causal");
  validate(config.train);
  validate_for_one(config.sample.generation, "sample");
  validate(config.data);
}

}  // namespace

PretrainConfig load_pretrain_config(const ConfigInputs& inputs, ConfigOrigins& origins) {
  PretrainConfig first;
  const auto set = load_config(first, inputs);
  PretrainConfig config;
  ModelConfig& model = config.model;
  with_origins(set, [&] {
    if (!first.model.preset.empty()) model = model_preset(first.model.preset);
    if (set.contains("model.family")) model = of_family(first.model.family, model);
  });
  origins = load_config(config, inputs);
  with_origins(origins, [&] { check_ranges(config); });
  return config;
}

std::string describe(const PretrainConfig& wanted, const ConfigOrigins& origins) {
  auto config = wanted;
  // The shape is that of the starting model, which is not opened here.
  if (!config.model.from.empty()) return config_to_yaml(config, &origins);
  try {
    settle_vocabulary(config, origins, *load_tokenizer(config.tokenizer.text));
  } catch (const Error&) {  // the settings can be shown before the tokenizer exists
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

namespace {

/// The inputs of a run. The config is final: nothing changes it from here on.
struct Resolved {
  PretrainConfig config;
  LanguageModel model;
  PretrainData data;
};

/// Fills values that the config leaves open from the seed, the tokenizer or the starting model, and
/// the data.
Resolved resolve(PretrainConfig config, const ConfigOrigins& origins, World& world, int threads) {
  config.seed = settled_seed(config.seed, world);
  seed_everything(config.seed);
  auto model = starting_model(config, origins);
  if (const auto& prompt = config.sample.prompt; !prompt.empty()) {
    require_room(std::ssize(encode_text(*model.tokenizer, prompt)), model, "sample.prompt");
  }
  const auto context = config.model.context_length;
  auto data = load_pretrain_data(config.data, *model.tokenizer, context, config.seed, threads);
  let_budget_decide(config.train, data, context);
  return {std::move(config), std::move(model), std::move(data)};
}

/// The prompt and its continuation by the model, on one line.
std::string sample(const LanguageModel& model, const SampleConfig& config) {
  const auto prompt = encode_text(*model.tokenizer, config.prompt);
  auto text = config.prompt + generate(model, prompt, config.generation).text;
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

Samples samples_of(const LanguageModel& model, const SampleConfig& config) {
  if (config.prompt.empty()) return {};
  return {[&] { return sample(model, config); }, config.every_evaluation};
}

}  // namespace

PretrainSummary run_pretrain(const TaskRequest& wanted, World& world) {
  const auto request = with_run_folder(wanted, "pretrain");
  ConfigOrigins origins;
  const auto read = load_pretrain_config(request.inputs, origins);
  require(!read.data.train.empty() || !read.data.sources.empty(), Key{"data.train"},
          ": no training text; set it in the config file or with ", Key{"data.train", "FILE"});
  const auto device = join_ranks(world, read.device, read.train);
  set_threads(request.threads);
  auto resolved =
      with_origins(origins, [&] { return resolve(read, origins, world, request.threads); });
  const auto& config = resolved.config;
  const auto& data = resolved.data;
  auto& model = resolved.model;

  LanguageModelObjective objective(model.gpt);
  Training training(objective, {data.train, data.validation, data.fingerprint, data.train_sample},
                    config.train);
  training.samples = samples_of(model, config.sample);
  const auto context_length = config.model.context_length;
  if (request.dry_run) {
    model.gpt->to(device);
    const double forward = forward_flops(config.model, config.train.batch_size(), context_length);
    return {{}, {}, dry_run(training, world, /*flops=*/3 * forward)};
  }
  const RunFolder run(request.out, request.mode,
                      run_folder_options(request, world, inputs_of(config)));
  run.write_config(config_to_yaml(config), restated_config<PretrainConfig>);
  const RunContext context{world, device, config.seed, run};
  if (const auto done = nothing_left_to_train(context, data.fingerprint)) {
    return {*done, run.path(), std::nullopt};
  }
  log_info("model: ", format_count(parameter_count(model.gpt->config())),
           " parameters; text: ", format_count(data.train_tokens), " training and ",
           format_count(data.validation_tokens), " validation tokens; windows of ", context_length,
           " tokens");
  report_data(data, config, run);
  model.gpt->to(device);
  const auto summary = train(training, context);
  model.gpt->eval();
  leave_model(run, summary, data.fingerprint,
              [&](const fs::path& folder) { save_language_model(folder, model); });
  return {summary, run.path(), std::nullopt};
}

}  // namespace gptkit
