#include "train/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/ops/sin.h>
#include <torch/nn/module.h>

#include <cmath>
#include <limits>

#include "train/lr_schedule.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::toy_model;

struct Regression : torch::nn::Module {
  torch::Tensor weight = register_parameter("weight", torch::linspace(-1, 1, 12).reshape({3, 4}));
  torch::Tensor bias = register_parameter("bias", torch::tensor({0.5f, -0.5f, 0.25f}));

  torch::Tensor loss() const {
    const auto x = torch::linspace(-2, 2, 20).reshape({5, 4}).sin();
    const auto y = torch::linspace(0, 3, 15).reshape({5, 3}).cos();
    return (x.matmul(weight.t()) + bias - y).square().mean();
  }
};

torch::Tensor tensor_of(const Json& values) {
  return torch::tensor(values.get<std::vector<double>>(), torch::kFloat64);
}

TEST(AdamW, TakesPyTorchsTenSteps) {
  const auto file = std::string(GPTKIT_SOURCE_DIR) + "/tests/golden/adamw.json";
  const auto want = parse_json(read_file(file), file);
  Regression module;
  AdamW optimizer(module, {.weight_decay = 0.1, .decay_all = true});
  std::vector<double> losses;
  for (int step = 0; step < 10; ++step) {
    optimizer.zero_grad();
    const auto loss = module.loss();
    loss.backward();
    optimizer.step(0.05);
    losses.push_back(loss.item<double>());
  }
  // PyTorch's default is the unfused kernel, which rounds in another order: a few float32 ulps.
  const auto close = [](const torch::Tensor& got, const torch::Tensor& wanted) {
    return torch::allclose(got.to(torch::kFloat64), wanted, /*rtol=*/2e-6, /*atol=*/1e-6);
  };
  EXPECT_TRUE(close(torch::tensor(losses, torch::kFloat64), tensor_of(want.at("losses"))));
  for (int64_t row = 0; row < 3; ++row) {
    EXPECT_TRUE(
        close(module.weight[row], tensor_of(want.at("weight").at(static_cast<size_t>(row)))));
  }
  EXPECT_TRUE(close(module.bias, tensor_of(want.at("bias"))));
}

/// One step at lr 0.1 and decay 0.5 with gradients of zero: what shrinks by 5 % is decayed.
std::vector<std::string> decayed_names(GPT model, bool decay_all) {
  std::vector<torch::Tensor> before;
  AdamW optimizer(*model, {.weight_decay = 0.5, .decay_all = decay_all});
  for (auto parameter : optimizer.parameters()) {
    torch::NoGradGuard no_grad;
    parameter.add_(1);  // norms' biases start at 0, which no decay moves
    before.push_back(parameter.clone());
    parameter.mutable_grad() = torch::zeros_like(parameter);
  }
  optimizer.step(0.1);
  std::vector<std::string> names;
  for (size_t i = 0; i < before.size(); ++i) {
    if (torch::equal(optimizer.parameters()[i], before[i])) continue;
    EXPECT_TRUE(torch::allclose(optimizer.parameters()[i], before[i] * 0.95));
    names.push_back(optimizer.names()[i]);
  }
  return names;
}

TEST(AdamW, DecaysMatricesAndEmbeddingsOnly) {
  // As nanoGPT groups them: two embeddings and four matrices a block; a tied head is no third.
  const auto names = decayed_names(toy_model(0), false);
  EXPECT_EQ(names.size(), 2u + 2 * 4);
  for (const auto& name : names) {
    EXPECT_THAT(name, testing::EndsWith(".weight"));
    EXPECT_THAT(name, testing::Not(testing::HasSubstr("norm")));
  }
}

TEST(AdamW, DecaysEverythingWhenAsked) {
  auto model = toy_model(0);
  EXPECT_EQ(decayed_names(model, true).size(), model->parameters().size());
}

TEST(AdamW, LeavesFrozenParametersAndThoseWithoutAGradient) {
  Regression module;
  module.weight.set_requires_grad(false);
  AdamW optimizer(module, {.weight_decay = 0.5, .decay_all = true});
  EXPECT_EQ(optimizer.names(), std::vector<std::string>{"bias"});
  const auto before = module.bias.detach().clone();
  optimizer.step(0.1);
  EXPECT_TRUE(torch::equal(module.bias, before));
  module.bias.set_requires_grad(false);
  expect_error([&] { AdamW(module, {}); }, "nothing to train");
}

/// A regression with gradients of 2-norm 5: (3, 0 ...) and (4, 0, 0).
struct Clipped {
  Regression module;
  AdamW optimizer{module, {}};
  Clipped() {
    module.weight.mutable_grad() = torch::zeros({3, 4});
    module.bias.mutable_grad() = torch::zeros({3});
    module.weight.mutable_grad()[0][0] = 3;
    module.bias.mutable_grad()[0] = 4;
  }
};

TEST(ClipGradients, TheStepIsTorchsWithTheGradientsScaledDown) {
  Clipped clipped, scaled;
  torch::NoGradGuard no_grad;
  clipped.module.weight.fill_(0.5);
  clipped.module.bias.fill_(0.5);
  scaled.module.weight.fill_(0.5);
  scaled.module.bias.fill_(0.5);
  const double norm = gradient_norm(clipped.optimizer);
  EXPECT_DOUBLE_EQ(norm, 5.0);
  clipped.optimizer.step(1e-2, clipping_divisor(norm, 1.0));
  // torch.nn.utils.clip_grad_norm_ multiplies by 1 / (5 + 1e-6).
  scaled.module.weight.mutable_grad().div_(5.000001);
  scaled.module.bias.mutable_grad().div_(5.000001);
  scaled.optimizer.step(1e-2);
  EXPECT_TRUE(clipped.module.weight.allclose(scaled.module.weight, 1e-6, 0));
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(clipped.optimizer.state()[i].second.allclose(scaled.optimizer.state()[i].second,
                                                             1e-6, 1e-12));
  }
}

TEST(ClipGradients, LeavesSmallGradientsAndAnySizeWhenOff) {
  for (const double most : {0.0, 5.1, 1e9}) EXPECT_EQ(clipping_divisor(5.0, most), 1.0) << most;
  EXPECT_DOUBLE_EQ(clipping_divisor(5.0, 1.0), 5.000001);
}

TEST(ClipGradients, ANormOfZeroStaysZero) {
  Clipped c;
  c.module.weight.mutable_grad().zero_();
  c.module.bias.mutable_grad().zero_();
  EXPECT_EQ(gradient_norm(c.optimizer), 0.0);
  EXPECT_EQ(clipping_divisor(0, 1.0), 1.0);
  c.optimizer.zero_grad();
  EXPECT_EQ(gradient_norm(c.optimizer), 0.0) << "no gradient at all";
}

TEST(ClipGradients, TheNormOfManyNumbersIsThatOfAnyNumberOfThreads) {
  torch::manual_seed(123);
  Clipped c;
  const auto weights = torch::randn({1000, 100}), views = torch::randn({100, 1000}).t();
  for (const auto& gradient : {weights, views}) {
    struct Large : torch::nn::Module {
      torch::Tensor weight = register_parameter("weight", torch::empty({1000, 100}));
    } large;
    AdamW optimizer(large, {});
    large.weight.mutable_grad() = gradient;
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const double one = gradient_norm(optimizer);
    at::set_num_threads(threads);
    EXPECT_EQ(gradient_norm(optimizer), one);
    EXPECT_NEAR(one, gradient.norm().item<double>(), 1e-5 * one);
  }
}

TEST(ClipGradients, NamesTheParameterWhoseGradientIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Clipped c;
    c.module.bias.mutable_grad()[1] = bad;
    expect_error([&] { gradient_norm(c.optimizer); }, "the gradient of 'bias' is not finite");
  }
}

TEST(LearningRate, WarmsUpToThePeak) {
  const TrainConfig c{.lr = 1.0, .schedule = Schedule::kConstant, .warmup_steps = 4};
  const double want[] = {0.2, 0.4, 0.6, 0.8, 1.0, 1.0};
  for (int64_t step = 0; step < 6; ++step) {
    EXPECT_DOUBLE_EQ(learning_rate(c, step, 100), want[step]) << step;
  }
}

TEST(LearningRate, FallsFromThePeakToTheLeastAtTheLastStep) {
  // 15 steps, the first four warm: 4 is the peak, 9 half way, 14 the last.
  TrainConfig c{.lr = 1.0, .min_lr = 0.1, .schedule = Schedule::kLinear, .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(learning_rate(c, 4, 15), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate(c, 6, 15), 0.82);
  EXPECT_DOUBLE_EQ(learning_rate(c, 9, 15), 0.55);
  EXPECT_DOUBLE_EQ(learning_rate(c, 14, 15), 0.1);
  c.schedule = Schedule::kCosine;
  EXPECT_DOUBLE_EQ(learning_rate(c, 4, 15), 1.0);
  EXPECT_NEAR(learning_rate(c, 6, 15), 0.1 + 0.45 * (1 + std::cos(0.2 * 3.14159265358979)), 1e-12);
  EXPECT_DOUBLE_EQ(learning_rate(c, 9, 15), 0.55);
  EXPECT_DOUBLE_EQ(learning_rate(c, 14, 15), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate(c, 20, 15), 0.1) << "beyond the end";
}

TEST(LearningRate, IsPositiveAndFiniteAtTheEdges) {
  for (const auto schedule : {Schedule::kConstant, Schedule::kLinear, Schedule::kCosine}) {
    const TrainConfig c{.lr = 1.0, .min_lr = 0.5, .schedule = schedule};
    EXPECT_DOUBLE_EQ(learning_rate(c, 0, 1), 1.0) << "a single step";
    TrainConfig warm = c;
    warm.warmup_steps = 10;
    EXPECT_DOUBLE_EQ(learning_rate(warm, 2, 3), 3.0 / 11) << "all steps are warm-up";
  }
}

TEST(TrainConfig, RefusesValuesOutOfRangeByKey) {
  const auto refused = [](auto change, const std::string& part) {
    TrainConfig config;
    change(config);
    expect_error([&] { validate(config); }, part);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.0, -1.0, 1e4, nan}) {
    refused([&](TrainConfig& c) { c.lr = bad; }, "train.lr");
  }
  for (const double bad : {-1.0, 1.0, nan})
    refused([&](auto& c) { c.min_lr = bad; }, "train.min_lr");
  for (const double bad : {-0.1, nan}) {
    refused([&](auto& c) { c.max_grad_norm = bad; }, "train.max_grad_norm");
    refused([&](auto& c) { c.weight_decay = bad; }, "train.weight_decay");
  }
  for (const double bad : {-0.1, 1.0, nan}) {
    refused([&](auto& c) { c.beta1 = bad; }, "train.beta1");
    refused([&](auto& c) { c.beta2 = bad; }, "train.beta2");
  }
  for (const int64_t bad : {int64_t{0}, int64_t{-1}, int64_t{1} << 62}) {
    refused([&](auto& c) { c.epochs = bad; }, "train.epochs");
    refused([&](auto& c) { c.micro_batch_size = bad; }, "train.micro_batch_size");
  }
  refused([](auto& c) { c.max_steps = -1; }, "train.max_steps");
  refused([](auto& c) { c.warmup_steps = -1; }, "train.warmup_steps");
  refused([](auto& c) { c.eval_every = -1; }, "train.eval_every");
  refused([](auto& c) { c.eval_batches = -1; }, "train.eval_batches");
  refused([](auto& c) { c.checkpoint_every = -1; }, "train.checkpoint_every");
  refused([](auto& c) { c.keep_checkpoints = 0; }, "train.keep_checkpoints");
  refused([](auto& c) { c.micro_batch_size = 4, c.global_batch_size = 6; },
          "`train.global_batch_size`: 6 is not a multiple of micro_batch_size 4");
}

}  // namespace
}  // namespace gptkit
