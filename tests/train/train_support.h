#pragma once
// A task small enough to train many times in a test: a GPT with dropout on random tokens.

#include <ATen/Parallel.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "data/windows.h"
#include "models/gpt.h"
#include "models/init.h"
#include "support/support.h"
#include "train/batch_tensors.h"
#include "train/trainer.h"

namespace gptkit::test {

inline constexpr int64_t kVocabulary = 19;

inline GPT toy_model(double dropout) {
  GPT gpt(ModelConfig{.vocab_size = kVocabulary,
                      .context_length = 6,
                      .n_layer = 2,
                      .n_head = 2,
                      .d_model = 8,
                      .dropout = dropout});
  initialize_(gpt);
  return gpt;
}

/// 22 windows of 6 tokens: with batches of 4, five a step and two left out of every epoch.
inline std::shared_ptr<const Dataset> toy_data() {
  std::vector<TokenId> ids(6 * 22 + 1);
  uint32_t random = 1;
  for (auto& id : ids) {
    random = random * 1664525 + 1013904223;
    id = static_cast<TokenId>((random >> 16) % kVocabulary);
  }
  return std::make_shared<WindowDataset>(TokenStream(ids), WindowOptions{6, 6}, "toy text");
}

/// One window: an evaluation measures it in one go.
inline std::shared_ptr<const Dataset> toy_validation() {
  return std::make_shared<WindowDataset>(TokenStream(std::vector<TokenId>{3, 1, 4, 1, 5, 9, 2}),
                                         WindowOptions{6, 6}, "toy validation");
}

class ToyTask : public Objective {
 public:
  /// As a new process would: seeds, then draws the weights.
  explicit ToyTask(uint64_t seed = 1, double dropout = 0.1) {
    at::set_num_threads(1);  // OpenMP's threads do not survive the fork of the signal tests
    torch::manual_seed(seed);
    gpt = toy_model(dropout);
  }

  Training training(const TrainConfig& config) {
    Training training(*this, {data, validation, fingerprint}, config);
    training.samples = samples;
    return training;
  }

  torch::nn::Module& model() override { return *gpt; }
  torch::Tensor loss(const Batch& batch) override {
    evaluating_ = false;
    auto value = mean_loss(batch);
    ++losses;
    return change_loss ? change_loss(value) : value;
  }
  int64_t loss_terms(const Batch& batch) const override {
    return static_cast<int64_t>(batch.targets.size()) -
           std::count(batch.targets.begin(), batch.targets.end(), kNoLoss);
  }
  MeanTerms evaluate(const Batch& batch, DataPart part) override {
    EXPECT_FALSE(gpt->is_training());
    EXPECT_FALSE(torch::GradMode::is_enabled());
    if (!std::exchange(evaluating_, true) && on_evaluate) on_evaluate();
    const auto terms = static_cast<double>(loss_terms(batch));
    if (terms == 0) return {};
    const double loss = mean_loss(batch).item<double>();
    const bool changes = part == DataPart::kValidation && change_evaluation;
    return {terms * (changes ? change_evaluation(loss) : loss), terms};
  }
  std::vector<Measure> epoch_measures() override {
    return {{"seen", [](const Batch& batch, DataPart) -> MeanTerms {
               return {1.0 * static_cast<double>(batch.rows), static_cast<double>(batch.rows)};
             }}};
  }

  GPT gpt{nullptr};
  std::shared_ptr<const Dataset> data = toy_data(), validation = toy_validation();
  std::string fingerprint = "toy";
  Samples samples;
  int64_t losses = 0;  ///< micro batches so far
  std::function<torch::Tensor(torch::Tensor)> change_loss;
  std::function<double(double)> change_evaluation;  ///< of the validation data
  std::function<void()> on_evaluate;                ///< before the first batch of an evaluation

 private:
  torch::Tensor mean_loss(const Batch& batch) {
    const auto ids = to_tensor(batch.inputs, {batch.rows, batch.columns}, torch::kCPU);
    const auto targets = to_tensor(batch.targets, {batch.rows * batch.columns}, torch::kCPU);
    return at::cross_entropy_loss(gpt(ids).flatten(0, 1), targets, {}, at::Reduction::Mean,
                                  kNoLoss);
  }
  bool evaluating_ = false;
};

/// 15 steps of two micro batches each, with everything on that a checkpoint has to carry.
inline TrainConfig toy_config() {
  return {.epochs = 3,
          .micro_batch_size = 2,
          .global_batch_size = 4,
          .lr = 1e-2,
          .min_lr = 1e-3,
          .warmup_steps = 2,
          .max_grad_norm = 1.0,
          .eval_every = 2,
          .eval_batches = 2,
          .checkpoint_every = 3,
          .keep_checkpoints = 2};
}

/// Trains the toy alone, in a run folder.
inline TrainSummary run_toy(ToyTask& task, const fs::path& run, RunMode mode,
                            const TrainConfig& config = toy_config()) {
  World alone;
  const RunFolder folder(run, mode);
  return train(task.training(config), {.world = alone, .folder = folder});
}

/// The lines of a run's metrics without what depends on the clock.
inline std::vector<std::string> metrics_of(const fs::path& run) {
  std::vector<std::string> lines;
  const auto text = read_file(run / "metrics.jsonl");
  for (size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
       begin = end + 1) {
    auto row = parse_json_ordered(text.substr(begin, end - begin), "metrics.jsonl");
    EXPECT_EQ(row.erase("seconds"), 1u);
    EXPECT_EQ(row.erase("tokens_per_second"), 1u);
    lines.push_back(dump_json(row));
  }
  return lines;
}

inline void expect_equal_weights(const torch::nn::Module& a, const torch::nn::Module& b) {
  const auto left = a.named_parameters(), right = b.named_parameters();
  ASSERT_EQ(left.size(), right.size());
  for (const auto& item : left) {
    EXPECT_TRUE(torch::equal(item.value(), right[item.key()])) << item.key();
  }
}

}  // namespace gptkit::test
