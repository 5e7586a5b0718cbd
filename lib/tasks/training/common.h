#pragma once
// What the training tasks share: their common settings, and the language model's loss.

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/config/config.h"
#include "base/error.h"
#include "data/batch.h"
#include "data/loader.h"
#include "infer/generator.h"
#include "nn/packing.h"
#include "train/config.h"
#include "train/metrics.h"
#include "train/run_folder.h"
#include "weights/bundle.h"

namespace gptkit {

/// Text written now and then during training, so that people see the model learn.
struct SampleConfig {
  std::string prompt;
  bool every_evaluation = false;
  GenerationConfig generation;  // its fields stand beside these
};

template <class Visitor>
void visit_fields(SampleConfig& c, Visitor&& visit) {
  visit("prompt", c.prompt, "text to continue after each epoch; empty: none");
  visit("every_evaluation", c.every_evaluation, "at every evaluation instead of every epoch");
  visit_fields(c.generation, visit);
}

/// Fails unless a prompt of so many tokens fits the model. `what` begins the message.
void require_room(int64_t prompt_tokens, const LanguageModel& model, const std::string& what);

/// What a training program was asked for.
struct TaskRequest {
  ConfigInputs inputs;
  std::filesystem::path out;  ///< the run folder; empty: runs/<name of the config>
  RunMode mode = RunMode::kNew;
  std::string program = {};          ///< its name, for messages
  const RunFolder* outer = nullptr;  ///< the folder of a sweep, for one of its rows
  int threads = 0;
  bool dry_run = false;  ///< pretraining: three steps to measure, nothing written
};

/// The run folder of a request; a resumed run without a config of its own uses the folder's, which
/// an earlier version of gptkit may have written.
TaskRequest with_run_folder(TaskRequest request, const std::string& program);

/// What the run folder has to know: `inputs` are the files, folders, globs and model names that the
/// run reads; the config files come with the request.
RunContext run_context(const TaskRequest& request,
                       const std::vector<std::filesystem::path>& inputs);

/// Meets the other processes of the run, if the environment says that there are any
/// (distributed/world.h), and gives this one's device: of several on a machine with GPUs each has
/// its own. Call it once, before random numbers are drawn.
torch::Device join_ranks(const std::string& device, const TrainConfig& config);

/// Seeds LibTorch's default generator (and the CUDA ones). -1 draws a seed and stores it; several
/// processes then take that of rank 0.
void seed_everything(int64_t& seed);

/// numbers (B,T) of a batch without the padding -> (N), on the packing's device.
torch::Tensor packed(const std::vector<int64_t>& numbers, const Batch& batch,
                     const Packing& packing);

/// The mean cross entropy over the targets that are not kNoLoss, none of which is in the padding.
torch::Tensor language_model_loss(GPT& gpt, const Batch& batch,
                                  Precision precision = Precision::kFloat32);
/// How many targets count.
int64_t count_targets(const Batch& batch);

/// The book's evaluate_model: train_loss and val_loss, means over the targets of eval_batches
/// batches of a step's size each, drawn as PyTorch's loaders draw.
Metrics evaluate_language_model(GPT& gpt, std::shared_ptr<const Dataset> train,
                                std::shared_ptr<const Dataset> validation,
                                const TrainConfig& config);

/// Appends "step ...: text" to samples.txt and logs it.
void write_sample(const LanguageModel& model, const SampleConfig& config, const std::string& when,
                  const RunFolder& run);

/// The token that ends a document; fails, saying why it is needed, when there is none.
TokenId require_end_of_text(const Tokenizer& tokenizer);

/// Paths of a config's list of inputs.
std::vector<std::filesystem::path> to_paths(const std::vector<NameOrPath>& inputs);

/// `validation: 0.1` (a fraction) or a list of files.
struct ValidationSplit {
  double fraction = 0;
  std::vector<std::filesystem::path> files;
};
ValidationSplit parse_validation(const std::vector<NameOrPath>& validation);

}  // namespace gptkit
