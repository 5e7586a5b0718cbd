#include "distributed/world.h"

#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/log.h"
#include "distributed/gradient_sum.h"
#include "distributed/network.h"
#include "distributed/rank_support.h"
#include "train/sharded_optimizer.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using std::chrono::seconds;
namespace fs = std::filesystem;
using test::expect_error;
using test::RankResult;
using test::run_ranks;
using testing::HasSubstr;

constexpr auto kPatient = seconds(60), kHasty = seconds(2);

World join(const RankEnvironment& ranks, seconds timeout = kPatient) {
  return {ranks, timeout, torch::kCPU};
}

/// Float32 values as text, exactly.
std::string to_text(const torch::Tensor& tensor) {
  const auto flat = tensor.detach().reshape({-1}).to(torch::kFloat32).contiguous();
  std::string text;
  char one[32];
  for (int64_t i = 0; i < flat.numel(); ++i) {
    std::snprintf(one, sizeof one, "%a ", static_cast<double>(flat.data_ptr<float>()[i]));
    text += one;
  }
  return text;
}

torch::Tensor to_tensor(const std::string& text) {
  std::vector<float> values;
  const char* at = text.c_str();
  for (char* end = nullptr; *at; at = end + 1) values.push_back(std::strtof(at, &end));
  return torch::tensor(values);
}

using Variables = std::map<std::string, std::string>;

/// Environment variables for the time of a test.
class Environment {
 public:
  explicit Environment(const Variables& variables) {
    for (const auto& [name, value] : variables) {
      ::setenv(name.c_str(), value.c_str(), 1);
      names_.push_back(name);
    }
  }
  ~Environment() {
    for (const auto& name : names_) ::unsetenv(name.c_str());
  }

 private:
  std::vector<std::string> names_;
};

TEST(RankEnvironment, IsOneProcessAloneWithoutVariables) {
  const auto ranks = rank_environment();
  EXPECT_EQ(ranks.rank, 0);
  EXPECT_EQ(ranks.world_size, 1);
  EXPECT_FALSE(may_be_restarted());
}

TEST(RankEnvironment, ReadsWhatTorchrunSets) {
  const Environment set(Variables{{"RANK", "5"},
                                  {"WORLD_SIZE", "8"},
                                  {"LOCAL_RANK", "1"},
                                  {"LOCAL_WORLD_SIZE", "4"},
                                  {"MASTER_ADDR", "node-0"},
                                  {"MASTER_PORT", "29500"},
                                  {"TORCHELASTIC_RESTART_COUNT", "2"},
                                  {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  const auto ranks = rank_environment();
  EXPECT_EQ(ranks.rank, 5);
  EXPECT_EQ(ranks.world_size, 8);
  EXPECT_EQ(ranks.local_rank, 1);
  EXPECT_EQ(ranks.local_world_size, 4);
  EXPECT_EQ(ranks.master_addr, "node-0");
  EXPECT_EQ(ranks.master_port, 29500);
  EXPECT_EQ(ranks.restarts, 2);
  EXPECT_TRUE(ranks.launcher_holds_store);
  EXPECT_TRUE(may_be_restarted());
  EXPECT_EQ(launch_identity(), launch_identity());
}

TEST(RankEnvironment, NamesTheVariableThatIsMissingOrWrong) {
  const auto refused = [](const std::string& name, const std::string& value,
                          const std::string& message) {
    Variables variables = {
        {"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "29500"}};
    variables[name] = value;
    const Environment set(variables);
    expect_error([] { rank_environment(); }, message);
  };
  refused("RANK", "x", "RANK is 'x'; expected a number from 0 to 1");
  refused("RANK", "2", "RANK is '2'; expected a number from 0 to 1");
  refused("RANK", "-1", "RANK is '-1'");
  refused("RANK", "", "RANK is not set, but WORLD_SIZE is");
  refused("WORLD_SIZE", "", "WORLD_SIZE is not set, but RANK is");
  refused("WORLD_SIZE", "0", "WORLD_SIZE is '0'; expected a number from 1");
  refused("WORLD_SIZE", "2.5", "WORLD_SIZE is '2.5'");
  refused("LOCAL_RANK", "one", "LOCAL_RANK is 'one'");
  refused("MASTER_PORT", "", "MASTER_PORT is not set, but WORLD_SIZE is 2");
  refused("MASTER_ADDR", "", "MASTER_ADDR is not set");
  refused("MASTER_PORT", "65536", "MASTER_PORT is '65536'; expected a number from 1 to 65535");
  refused("TORCHELASTIC_RESTART_COUNT", "?", "TORCHELASTIC_RESTART_COUNT is '?'");
}

TEST(Network, UsesTheAddressOnTheWayToRankZero) {
  EXPECT_EQ(address_towards("127.0.0.1", true), "127.0.0.1");
  EXPECT_EQ(address_towards("localhost", true), "127.0.0.1");
  expect_error([] { address_towards("no-such-host.invalid", true); },
               "MASTER_ADDR 'no-such-host.invalid' has no IPv4 address here");
}

TEST(Network, TakesInterfacesByNameAsPyTorchDoes) {
  EXPECT_TRUE(interfaces_to_use().empty());
  {
    const Environment set(Variables{{"GLOO_SOCKET_IFNAME", "lo"}});
    EXPECT_EQ(interfaces_to_use(), std::vector<std::string>{"lo"});
  }
  const Environment set(Variables{{"GLOO_SOCKET_IFNAME", "lo,no-such0"}});
  expect_error([] { interfaces_to_use(); }, "GLOO_SOCKET_IFNAME names 'no-such0'");
}

TEST(World, AloneNeedsNobody) {
  World world;
  auto value = torch::ones({2});
  world.sum_(value);
  world.broadcast_(value);
  world.require_same("anything", "text");
  world.announce_failure("nobody hears");
  EXPECT_TRUE(world.is_main());
  EXPECT_EQ(world.size(), 1);
  EXPECT_EQ(world.broadcast_text("as it was"), "as it was");
  EXPECT_TRUE(torch::equal(value, torch::ones({2})));
  EXPECT_FALSE(world.is_broken());
}

TEST(World, SumsAndBroadcastsWithTheSameBitsEverywhere) {
  const auto results = run_ranks(3, [](const RankEnvironment& ranks) {
    auto world = join(ranks);
    auto value = torch::tensor({0.1f, 1e-8f, 3.0f}) * static_cast<double>(ranks.rank + 1);
    world.sum_(value);
    auto from_two = torch::full({2}, static_cast<float>(ranks.rank));
    world.broadcast_(from_two, 2);
    const auto text = world.broadcast_text(concat("from ", ranks.rank, "\n\0é"), 1);
    const auto nothing = world.broadcast_text("");
    return to_text(value) + to_text(from_two) + text + nothing;
  });
  const auto expected = torch::tensor({0.6f, 6e-8f, 18.0f});
  EXPECT_THAT(results[0].text, HasSubstr("from 1"));
  const auto sums = to_tensor(results[0].text.substr(0, results[0].text.find("from")));
  EXPECT_TRUE(torch::allclose(sums.slice(0, 0, 3), expected));
  EXPECT_TRUE(torch::equal(sums.slice(0, 3, 5), torch::full({2}, 2.0f)));
  for (const auto& result : results) EXPECT_EQ(result.text, results[0].text);
}

TEST(World, NamesTheRankThatHasOtherSettings) {
  const auto results = run_ranks(3, [](const RankEnvironment& ranks) {
    auto world = join(ranks);
    world.require_same("configuration", "a: 1\nlr: 0.2\n");
    world.require_same("configuration", ranks.rank == 1 ? "a: 1\nlr: 0.1\n" : "a: 1\nlr: 0.2\n");
    return std::string("went on");
  });
  for (const auto& result : results) {
    EXPECT_THAT(result.text, HasSubstr("error: rank 1 has another configuration than rank 0: "
                                       "'lr: 0.1' instead of 'lr: 0.2'"));
  }
}

TEST(World, TellsWhoDidNotCome) {
  const auto results = run_ranks(
      3, [](const RankEnvironment& ranks) { return concat(join(ranks, kHasty).size()); },
      /*processes=*/2);
  for (const auto& result : results) {
    EXPECT_THAT(result.text, HasSubstr("error: rank 2 of 3 did not connect to localhost:"));
  }
}

TEST(World, RefusesARankThatIsThereTwiceAndAnotherSize) {
  auto results = run_ranks(2, [](RankEnvironment ranks) {
    ranks.rank = 0;
    ranks.launcher_holds_store = ranks.listen_fd < 0;  // only one of them serves
    return concat(join(ranks, kHasty).size());
  });
  EXPECT_THAT(results[0].text + results[1].text,
              HasSubstr("RANK 0 is taken by another process; give every process its own RANK"));

  results = run_ranks(2, [](RankEnvironment ranks) {
    ranks.world_size += ranks.rank;
    return concat(join(ranks, kHasty).size());
  });
  EXPECT_THAT(results[0].text + results[1].text, HasSubstr("error: WORLD_SIZE is "));
}

TEST(World, TellsThatNobodyListens) {
  uint16_t port = 0;
  {
    test::Listener closed;
    port = closed.port;
  }
  const RankEnvironment ranks{
      .rank = 1, .world_size = 2, .master_addr = "localhost", .master_port = port};
  expect_error([&] { join(ranks, seconds(1)); }, "rank 1 cannot reach localhost:");
}

/// How long something takes.
double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

constexpr double kBusy = 5;  // seconds that a busy machine may take longer

TEST(World, TellsThatAPortAcceptsAndSaysNothing) {
  const test::Listener silent;
  const RankEnvironment ranks{
      .rank = 1, .world_size = 2, .master_addr = "localhost", .master_port = silent.port};
  const double spent = seconds_of([&] {
    expect_error([&] { join(ranks, seconds(1)); },
                 concat("rank 1 cannot reach localhost:", silent.port,
                        " within 1 s (something accepts connections there and says nothing)"));
  });
  EXPECT_LT(spent, 1 + kBusy);
}

TEST(World, TellsThatRankZeroIsStoppedWhileTheRanksMeet) {
  std::vector<RankResult> results;
  const double spent = seconds_of([&] {
    results = run_ranks(2, [](const RankEnvironment& ranks) {
      if (ranks.is_main()) {
        // Its store answers once, to let the other one in.
        std::thread([] {
          std::this_thread::sleep_for(std::chrono::milliseconds(500));
          ::raise(SIGSTOP);
        }).detach();
        join({.rank = 0,
              .world_size = 3,
              .local_world_size = 3,
              .master_addr = "localhost",
              .master_port = ranks.master_port,
              .listen_fd = ranks.listen_fd});
      }
      auto one_of_three = ranks;
      one_of_three.world_size = 3;
      return concat(join(one_of_three, kHasty).size());
    });
  });
  EXPECT_THAT(results[1].text, HasSubstr("error: rank 1 lost the store at localhost:"));
  EXPECT_THAT(results[1].text, HasSubstr("check that rank 0 runs there"));
  EXPECT_LT(spent, 2 * 2 + kBusy);
}

/// Exchanges until something happens to `victim` in the third round.
std::vector<RankResult> with_trouble(int64_t size, int64_t victim, seconds timeout,
                                     const std::function<void(World&)>& trouble) {
  return run_ranks(size, [=](const RankEnvironment& ranks) {
    auto& world = *new World(ranks, timeout, torch::kCPU);  // not destroyed: see is_broken()
    for (int round = 0; round < 1000; ++round) {
      if (round == 3 && ranks.rank == victim) trouble(world);
      auto value = torch::ones({1000});
      world.sum_(value);
    }
    return std::string("went on");
  });
}

TEST(World, NamesTheRankThatWasKilled) {
  const auto results = with_trouble(3, 1, kPatient, [](World&) { ::raise(SIGKILL); });
  EXPECT_EQ(results[1].signal, SIGKILL);
  for (const size_t rank : {size_t{0}, size_t{2}}) {
    EXPECT_THAT(results[rank].text, HasSubstr("error: rank 1 of 3 does not answer: killed"));
  }
}

TEST(World, NamesRankZeroThatWasKilledWithTheStore) {
  const auto results = with_trouble(3, 0, kPatient, [](World&) { ::raise(SIGKILL); });
  EXPECT_EQ(results[0].signal, SIGKILL);
  for (const size_t rank : {size_t{1}, size_t{2}}) {
    EXPECT_THAT(results[rank].text, HasSubstr("error: rank 0, where the ranks meet, is gone"));
  }
}

TEST(World, NamesTheRankThatIsStoppedWithinTheTimeout) {
  for (const int64_t victim : {2, 0}) {
    std::vector<RankResult> results;
    const double spent = seconds_of(
        [&] { results = with_trouble(3, victim, seconds(4), [](World&) { ::raise(SIGSTOP); }); });
    EXPECT_LT(spent, 4 + kBusy);
    for (size_t rank = 0; rank < 3; ++rank) {
      if (static_cast<int64_t>(rank) == victim) continue;
      EXPECT_THAT(results[rank].text, HasSubstr(concat("error: rank ", victim)));
      EXPECT_THAT(results[rank].text, HasSubstr("does not answer"));
    }
  }
}

TEST(World, NamesTheRankThatHangs) {
  const auto results = with_trouble(3, 2, kHasty, [](World&) { ::sleep(12); });
  for (const size_t rank : {size_t{0}, size_t{1}}) {
    EXPECT_THAT(results[rank].text, HasSubstr("error: rank 2 of 3 has not joined the others"));
  }
}

TEST(World, PassesOnWhyARankFailed) {
  for (const int64_t victim : {1, 0}) {
    const auto results = with_trouble(3, victim, kPatient, [](World& world) {
      world.announce_failure("out of paper");
      fail_runtime("out of paper");
    });
    for (int64_t rank = 0; rank < 3; ++rank) {
      const auto& text = results[static_cast<size_t>(rank)].text;
      EXPECT_THAT(text, HasSubstr(rank == victim
                                      ? std::string("error: out of paper")
                                      : concat("error: rank ", victim, " failed: out of paper")));
    }
  }
}

/// Writes its weight's gradient itself and hands autograd none, as fused kernels do.
class DirectGradient : public torch::autograd::Function<DirectGradient> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight) {
    context->save_for_backward({x, weight});
    return at::linear(x, weight);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradient) {
    const auto saved = context->get_saved_variables();
    auto weight = saved[1];
    const auto own = gradient[0].t().mm(saved[0]);
    auto& kept = weight.mutable_grad();
    kept = kept.defined() ? kept + own : own;
    return {gradient[0].mm(weight), torch::Tensor()};
  }
};

/// Six rows through two layers; the first one's gradient is written by its own backward.
struct TwoLayers {
  torch::Tensor rows, first, second;
  TwoLayers() {
    torch::manual_seed(7);
    rows = torch::randn({6, 5});
    first = torch::randn({4, 5}).requires_grad_(true);
    second = torch::randn({3, 4}).requires_grad_(true);
  }
  torch::Tensor loss(int64_t begin, int64_t end) const {
    const auto hidden = DirectGradient::apply(rows.slice(0, begin, end), first);
    return at::linear(hidden.tanh(), second).square().sum() / rows.size(0);
  }
};

TEST(GradientSum, IsTheGradientOfAllRowsHoweverTheRanksShareThem) {
  TwoLayers alone;
  alone.loss(0, 6).backward();
  // Rows per rank: some accumulate two micro batches, and one has nothing to add.
  const std::vector<std::vector<int64_t>> shares = {{6}, {3, 3}, {5, 1}, {2, 0, 4}, {1, 2, 3, 0}};
  for (const auto& share : shares) {
    const auto size = static_cast<int64_t>(share.size());
    const auto results = run_ranks(size, [&](const RankEnvironment& ranks) {
      auto world = size > 1 ? std::make_unique<World>(ranks, kPatient, torch::kCPU)
                            : std::make_unique<World>();
      TwoLayers layers;
      GradientSum sum(*world, {layers.first, layers.second}, {"first", "second"});
      int64_t begin = 0;
      for (int64_t r = 0; r < ranks.rank; ++r) begin += share[static_cast<size_t>(r)];
      const int64_t mine = share[static_cast<size_t>(ranks.rank)];
      for (int step = 0; step < 3; ++step) {  // buckets are rebuilt after the first
        layers.first.mutable_grad() = layers.second.mutable_grad() = torch::Tensor();
        if (mine > 1) sum.accumulate(layers.loss(begin, begin + 1));
        const int64_t rest = mine > 1 ? begin + 1 : begin;
        sum.accumulate_and_sum(mine > 0 ? layers.loss(rest, begin + mine) : torch::Tensor());
      }
      return to_text(layers.first.grad()) + to_text(layers.second.grad());
    });
    const auto want = at::cat({alone.first.grad().flatten(), alone.second.grad().flatten()});
    for (const auto& result : results) {
      ASSERT_THAT(result.text, testing::Not(HasSubstr("error"))) << size;
      EXPECT_EQ(result.text, results[0].text) << "the ranks stay in step bit for bit";
      // Float32 sums in another order.
      EXPECT_TRUE(torch::allclose(to_tensor(result.text), want, /*rtol=*/1e-5, /*atol=*/1e-6))
          << size;
    }
  }
}

/// Parameters whose elements no number of ranks divides.
struct OddModule : torch::nn::Module {
  OddModule() {
    torch::manual_seed(3);
    for (const auto& [name, shape] : {std::pair{"matrix", std::vector<int64_t>{13, 7}},
                                      std::pair{"bias", std::vector<int64_t>{5}},
                                      std::pair{"table", std::vector<int64_t>{29, 3}}}) {
      register_parameter(name, torch::randn(shape));
    }
  }
  std::string text() const {
    std::string all;
    for (const auto& parameter : parameters()) all += to_text(parameter);
    return all;
  }
};

void step_(OddModule& module, World& world, AdamW& optimizer, int64_t step) {
  torch::manual_seed(static_cast<uint64_t>(100 + step));
  for (auto& parameter : module.parameters()) {
    parameter.mutable_grad() = torch::randn_like(parameter.detach());
  }
  optimizer.step(0.01, /*divisor=*/1.5);
  share_weights_(world, optimizer);
}

TEST(ShardedOptimizer, UpdatesAsOneWouldAndPutsItsMomentsTogetherAndApart) {
  constexpr int64_t kElements = 13 * 7 + 5 + 29 * 3;
  std::string alone;
  for (const int64_t size : {1, 2, 3, 5}) {
    const auto results = run_ranks(size, [&](const RankEnvironment& ranks) {
      World world(ranks, kPatient, torch::kCPU);
      OddModule module;
      const AdamWConfig config{.weight_decay = 0.1};
      AdamW optimizer(module, config, {ranks.rank, size});
      int64_t own = 0;
      for (const auto& [name, tensor] : optimizer.state()) own += tensor.numel();
      if (own > 2 * (kElements / size + 16 * size)) fail("rank ", ranks.rank, " keeps ", own);
      for (int64_t step = 0; step < 3; ++step) step_(module, world, optimizer, step);
      const auto text = module.text();

      const auto moments = gather_moments(world, optimizer);
      if (world.is_main() == moments.empty()) fail("the moments belong on rank 0 alone");
      AdamW later(module, config, {ranks.rank, size});
      later.set_steps(optimizer.steps());
      const auto room = room_for_moments(world, later);
      for (size_t i = 0; i < room.size(); ++i) {
        if (room[i].first != moments[i].first) fail("the moments have other names");
        auto target = room[i].second;
        target.copy_(moments[i].second);
      }
      scatter_moments_(world, room, later);
      step_(module, world, later, 3);
      return text + module.text();
    });
    if (size == 1) alone = results[0].text;
    for (const auto& result : results) {
      ASSERT_THAT(result.text, testing::Not(HasSubstr("error")));
      EXPECT_EQ(result.text, results[0].text);
      // Vectors and single elements may be rounded differently where a shard begins.
      EXPECT_TRUE(torch::allclose(to_tensor(result.text), to_tensor(alone), 1e-6, 1e-7)) << size;
    }
  }
}

/// Toy windows of which some have few targets that count, or none.
class Masked : public Dataset {
 public:
  int64_t size() const override { return all_->size(); }
  Batch collate(std::span<const int64_t> indices) const override {
    auto batch = all_->collate(indices);
    for (size_t row = 0; row < indices.size(); ++row) {
      const auto begin = batch.targets.begin() + static_cast<int64_t>(row) * batch.columns;
      std::fill(begin, begin + (indices[row] % 3 == 0 ? 6 : indices[row] % 6), kNoLoss);
    }
    return batch;
  }

 private:
  std::shared_ptr<const Dataset> all_ = test::toy_data();
};

/// Trains the toy as one of the ranks; rank 0 gives the metrics.
std::string train_toy(const RankEnvironment& ranks, const fs::path& run, TrainConfig config) {
  auto& world = *new World(ranks, kPatient, torch::kCPU);  // not destroyed: see is_broken()
  set_log_level(LogLevel::kQuiet);
  test::ToyTask task(1, /*dropout=*/0);
  task.data = task.validation = std::make_shared<Masked>();
  const RunFolder folder(run, RunMode::kNew, {.writes = world.is_main()});
  train(task.training(config), {.world = world, .folder = folder});
  std::string text;
  if (!world.is_main()) return text;
  for (const auto& line : test::metrics_of(run)) {
    const auto row = parse_json(line, "metrics");
    for (const char* name : {"loss", "grad_norm", "val_loss"}) {
      if (row.contains(name)) text += concat(row.at(name).get<double>(), " ");
    }
  }
  return text;
}

TEST(Training, RanksWithFewLossTermsOrNoneGiveTheCourseOfOneProcess) {
  auto config = test::toy_config();
  std::string alone;
  for (const int64_t size : {1, 2, 3, 4, 5}) {
    for (const bool sharded : {false, true}) {
      config.shard_optimizer = sharded;
      test::ScratchFolder scratch;
      const auto results = run_ranks(size, [&](const RankEnvironment& ranks) {
        return train_toy(ranks, scratch / concat("run-", ranks.rank), config);
      });
      const auto& text = results[0].text;
      ASSERT_THAT(text, testing::Not(HasSubstr("error"))) << size;
      if (alone.empty()) alone = text;
      EXPECT_GT(to_tensor(alone).numel(), 30);
      EXPECT_TRUE(torch::allclose(to_tensor(text), to_tensor(alone), 1e-4, 1e-6)) << size;
      for (int64_t rank = 1; rank < size; ++rank) {
        EXPECT_FALSE(fs::exists(scratch / concat("run-", rank))) << "only rank 0 writes";
      }
    }
  }
}

}  // namespace
}  // namespace gptkit
