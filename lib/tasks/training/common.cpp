#include "tasks/training/common.h"

#include <ATen/Context.h>
#include <torch/utils.h>

#include <algorithm>
#include <charconv>
#include <random>

#include "base/files.h"
#include "base/log.h"
#include "data/corpus/documents.h"
#include "distributed/world.h"
#include "kernels/cross_entropy.h"
#include "kernels/fast_precision.h"
#include "tensors/device.h"
#include "train/trainer.h"

namespace gptkit {

TaskRequest with_run_folder(TaskRequest request, const std::string& program) {
  auto& files = request.inputs.files;
  if (request.out.empty()) {
    const auto name = files.empty() ? program : files.back().stem().string();
    request.out = fs::path("runs") / name;
  }
  if (request.mode == RunMode::kResume && files.empty()) {
    const auto saved = request.out / "config.yaml";
    require(is_there(saved), request.out.string(),
            ": no run to resume (there is no config.yaml); name the run folder with ", Key{"out"});
    files.push_back(saved);
  }
  if (request.mode == RunMode::kResume) {
    for (const auto& file : files) {
      std::error_code missing;
      const bool own = fs::equivalent(file, request.out / "config.yaml", missing);
      if (own) request.inputs.stored = file;
    }
  }
  if (request.program.empty()) request.program = program;
  return request;
}

RunContext run_context(const TaskRequest& request, const std::vector<fs::path>& inputs) {
  RunContext context{.program = request.program, .outer = request.outer};
  context.inputs = request.inputs.files;
  for (const auto& input : inputs) {
    std::error_code code;
    context.inputs.push_back(input);
    if (input.empty() || fs::exists(input, code)) continue;
    try {  // a glob
      const auto files = expand_inputs({input});
      context.inputs.insert(context.inputs.end(), files.begin(), files.end());
    } catch (const Error&) {  // a model's name, or a fault that is found when it is read
    }
  }
  return context;
}

torch::Device join_ranks(const std::string& device, const TrainConfig& config) {
  const auto ranks = rank_environment();
  const bool share_gpus = ranks.world_size > 1 && device != "cpu" && at::hasCUDA();
  const auto own = share_gpus ? concat("cuda:", ranks.local_rank) : device;
  require(!share_gpus || device == "auto" || device == "cuda", "device ", device, ": ",
          ranks.world_size, " processes take a GPU each; give ", Key{"device"}, " auto or cpu");
  const auto resolved = resolve_device(own);
  join_world(std::chrono::seconds(config.timeout), resolved);
  return resolved;
}

void seed_everything(int64_t& seed) {
  if (seed == -1) {
    seed = static_cast<int64_t>(std::random_device{}());
    seed = std::stoll(world().broadcast_text(std::to_string(seed)));
  }
  require(seed >= 0, "seed: ", seed, " is out of range; expected 0 or more, or -1 for a new one");
  torch::manual_seed(static_cast<uint64_t>(seed));
}

torch::Tensor packed(const std::vector<int64_t>& numbers, const Batch& batch,
                     const Packing& packing) {
  const auto device = packing.positions().device();
  return packing.unpad(to_tensor(numbers, {batch.rows, batch.columns}, device));
}

torch::Tensor language_model_loss(GPT& gpt, const Batch& batch, Precision precision) {
  const PrecisionScope scope(resolve_precision(precision, gpt->device()), gpt->device());
  // Counted here, so that a GPU is not waited for.
  const CrossEntropyOptions options{.ignored = kNoLoss,
                                    .terms = static_cast<double>(count_targets(batch))};
  const bool padded = std::any_of(batch.lengths.begin(), batch.lengths.end(),
                                  [&](int64_t length) { return length < batch.columns; });
  if (padded) {
    const Packing packing(batch.lengths, gpt->device());
    const auto hidden = gpt->hidden(packed(batch.inputs, batch, packing), packing);  // (N,C)
    return linear_cross_entropy(hidden, gpt->head_weight(), packed(batch.targets, batch, packing),
                                options);
  }
  const auto ids = to_tensor(batch.inputs, {batch.rows, batch.columns}, gpt->device());
  const auto targets = to_tensor(batch.targets, {batch.rows * batch.columns}, gpt->device());
  return linear_cross_entropy(gpt->hidden(ids).flatten(0, 1), gpt->head_weight(), targets, options);
}

int64_t count_targets(const Batch& batch) {
  return std::count_if(batch.targets.begin(), batch.targets.end(),
                       [](int64_t target) { return target != kNoLoss; });
}

Metrics evaluate_language_model(GPT& gpt, std::shared_ptr<const Dataset> train,
                                std::shared_ptr<const Dataset> validation,
                                const TrainConfig& config) {
  const auto loss = [&](const Batch& batch) -> MeanTerms {
    const auto terms = static_cast<double>(count_targets(batch));
    if (terms == 0) return {};  // a mean over nothing is NaN
    return {terms * language_model_loss(gpt, batch, config.precision).item<double>(), terms};
  };
  // A mixture's sample may be smaller than a step.
  const bool whole_batches = config.eval_batches > 0 && train->size() >= config.batch_size();
  EvaluationOptions options{
      .loader = {.batch_size = config.batch_size(), .shuffle = true, .drop_last = whole_batches},
      .batches = config.eval_batches,
      .micro_batch_size = config.micro_batch_size,
      .name = "train_loss"};
  Metrics metrics;
  metrics.emplace_back(options.name, mean_over_batches(std::move(train), options, loss));
  if (!validation) return metrics;
  options.loader.shuffle = options.loader.drop_last = false;
  options.name = "val_loss";
  metrics.emplace_back(options.name, mean_over_batches(std::move(validation), options, loss));
  return metrics;
}

void require_room(int64_t prompt_tokens, const LanguageModel& model, const std::string& what) {
  const int64_t context = model.gpt->config().context_length;
  require(prompt_tokens > 0 && prompt_tokens <= context, what, " has ", prompt_tokens,
          " tokens; expected 1 to ", context, ", the model's context");
}

void write_sample(const LanguageModel& model, const SampleConfig& config, const std::string& when,
                  const RunFolder& run) {
  if (config.prompt.empty()) return;
  const auto prompt = encode_text(*model.tokenizer, config.prompt);
  auto text = config.prompt + generate(model, prompt, config.generation).text;
  std::replace(text.begin(), text.end(), '\n', ' ');
  run.append_sample(when + ": " + text);
  log_info("  ", text);
}

TokenId require_end_of_text(const Tokenizer& tokenizer) {
  const auto end = tokenizer.end_of_text();
  require(end.has_value(),
          "the model's tokenizer has no end-of-text token, which this task needs "
          "to end and pad its texts; train one with <|endoftext|>");
  return *end;
}

std::vector<std::filesystem::path> to_paths(const std::vector<NameOrPath>& inputs) {
  std::vector<std::filesystem::path> paths;
  for (const auto& input : inputs) paths.emplace_back(input.text);
  return paths;
}

ValidationSplit parse_validation(const std::vector<NameOrPath>& validation) {
  if (validation.empty()) return {};
  double fraction = 0;
  const auto& text = validation.front().text;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), fraction);
  const bool is_number = error == std::errc() && stop == text.data() + text.size();
  if (!is_number) return {0, to_paths(validation)};
  require(validation.size() == 1 && fraction >= 0 && fraction < 1, "data.validation: ", text,
          " is out of range; expected a fraction of at least 0 and less than 1, or files");
  return {fraction, {}};
}

}  // namespace gptkit
