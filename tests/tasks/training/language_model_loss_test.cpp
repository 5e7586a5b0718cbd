#include <ATen/ops/cross_entropy_loss.h>
#include <torch/utils.h>

#include <vector>

#include "data/batch.h"
#include "models/init.h"
#include "models/tiny_families.h"
#include "support/support.h"
#include "tasks/training/language_model_objective.h"
#include "train/evaluation.h"

namespace gptkit {
namespace {

/// Three texts of 7, 2 and 4 tokens, padded with zeros; the second one's first target is masked.
Batch padded_batch() {
  Batch batch{.rows = 3, .columns = 7};
  batch.lengths = {7, 2, 4};
  for (int64_t row = 0; row < batch.rows; ++row) {
    for (int64_t t = 0; t < batch.columns; ++t) {
      const bool real = t < batch.lengths[static_cast<size_t>(row)];
      batch.inputs.push_back(real ? (row * 11 + t * 5) % 39 + 1 : 0);
      batch.targets.push_back(real && !(row == 1 && t == 0) ? (row * 7 + t * 3) % 40 : kNoLoss);
    }
  }
  return batch;
}

TEST(LanguageModelLoss, IsThatOfThePaddedBatchAndSoAreItsGradients) {
  for (const auto family : {"gpt2", "llama"}) {
    torch::manual_seed(8);
    GPT gpt(test::tiny_config(family));
    initialize_(gpt);
    const auto batch = padded_batch();
    const auto gradients = [&](const torch::Tensor& loss) {
      gpt->zero_grad();
      loss.backward();
      std::vector<torch::Tensor> copies;
      for (const auto& parameter : gpt->parameters()) copies.push_back(parameter.grad().clone());
      return copies;
    };
    const auto ids = torch::tensor(batch.inputs).view({3, 7});
    const auto want = at::cross_entropy_loss(gpt(ids).flatten(0, 1), torch::tensor(batch.targets),
                                             {}, at::Reduction::Mean, kNoLoss);
    const auto wanted = gradients(want);
    const auto got = language_model_loss(gpt, batch);
    EXPECT_NEAR(got.item<double>(), want.item<double>(), 1e-6);
    const auto found = gradients(got);
    for (size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-4, 1e-6))
          << gpt->named_parameters().keys()[i];
    }
    // Neither does it matter which token pads.
    auto other = batch;
    for (auto& id : other.inputs) id = id == 0 ? 23 : id;
    EXPECT_EQ(language_model_loss(gpt, other).item<double>(), got.item<double>());
  }
}

/// Rows of padded_batch(), one by one or together.
class PaddedRows : public Dataset {
 public:
  int64_t size() const override { return 3; }
  Batch collate(std::span<const int64_t> indices) const override {
    const auto all = padded_batch();
    Batch batch{.rows = std::ssize(indices), .columns = all.columns};
    for (const auto i : indices) {
      batch.lengths.push_back(all.lengths[static_cast<size_t>(i)]);
      const auto append = [&](std::vector<int64_t>& to, const std::vector<int64_t>& from) {
        to.insert(to.end(), from.begin() + i * all.columns, from.begin() + (i + 1) * all.columns);
      };
      append(batch.inputs, all.inputs);
      append(batch.targets, all.targets);
    }
    return batch;
  }
};

TEST(LanguageModelLoss, AnEvaluationCountsTokensAndNotBatches) {
  torch::NoGradGuard no_grad;
  torch::manual_seed(8);
  GPT gpt(test::tiny_config("gpt2"));
  initialize_(gpt);
  const double want = language_model_loss(gpt, padded_batch()).item<double>();
  const auto data = std::make_shared<PaddedRows>();
  LanguageModelObjective objective(gpt);
  World alone;
  for (const int64_t micro : {1, 2, 3}) {
    // Of 7, 1 and 4 targets: a mean over rows would be another one.
    const TrainConfig config{.micro_batch_size = micro, .global_batch_size = 6, .eval_batches = 0};
    const Training training(objective, {data, data, "rows"}, config);
    for (const auto& [name, value] : evaluate_loss(training, alone)) {
      EXPECT_NEAR(value, want, 1e-6) << name << " in micro batches of " << micro;
    }
  }
}

}  // namespace
}  // namespace gptkit
