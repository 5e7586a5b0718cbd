#include "train/checkpoint.h"

#include <limits>

#include "base/files.h"
#include "train/train_support.h"

namespace gptkit {
namespace {

using test::expect_equal_weights;
using test::expect_error;
using test::ScratchFolder;
using test::toy_model;

std::string step_folder(int64_t steps) { return concat("step-0000000", steps); }

/// A model two updates into its life.
struct Life {
  explicit Life(uint64_t seed)
      : model((torch::manual_seed(seed), toy_model(0))), optimizer(*model, {}) {
    for (int step = 0; step < 2; ++step) {
      for (auto parameter : optimizer.parameters()) {
        parameter.mutable_grad() = torch::randn_like(parameter);
      }
      optimizer.step(0.01);
    }
    state.steps_done = 2;
    state.generator = generator_state();
  }
  void save(const fs::path& run, int64_t steps, int64_t keep = 10) {
    state.steps_done = steps;
    save_checkpoint(run, *model, optimizer, state, {.newest = keep});
  }
  GPT model;
  AdamW optimizer;
  TrainState state;
};

std::string newest(const fs::path& run) {
  const auto found = newest_checkpoint(run);
  return found ? found->filename().string() : "none";
}

void flip_byte(const fs::path& file, size_t at) {
  auto bytes = read_file(file);
  bytes.at(at) ^= 1;
  write_file_atomic(file, bytes);
}

std::vector<std::string> folders(const fs::path& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Checkpoint, BringsEverythingBack) {
  ScratchFolder run;
  Life before(1);
  before.state.tokens = int64_t{1} << 53;
  before.state.seconds = 0.1;
  before.state.loader = {.epoch = 3, .batch = 4, .seed = std::numeric_limits<uint64_t>::max()};
  before.state.last_step = {{"loss", 1.0 / 3}, {"grad_norm", 1e-300}};
  before.state.fingerprint = "0123abcd";
  before.state.best = {.val_loss = 2.0 / 3, .steps_done = 1, .evaluations_since = 4};
  before.state.recent_losses = {1.0 / 3, 0.1, 7};
  before.state.sample_bytes = 123;
  before.save(run.path(), 2);

  Life after(2);
  const auto state = load_checkpoint(*newest_checkpoint(run.path()), *after.model, after.optimizer);
  expect_equal_weights(*after.model, *before.model);
  const auto want = before.optimizer.state(), got = after.optimizer.state();
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].first, want[i].first);
    EXPECT_TRUE(torch::equal(got[i].second, want[i].second)) << want[i].first;
  }
  EXPECT_EQ(after.optimizer.steps(), 2);
  EXPECT_EQ(state.steps_done, 2);
  EXPECT_EQ(state.tokens, before.state.tokens);
  EXPECT_EQ(state.seconds, before.state.seconds);
  EXPECT_EQ(state.loader, before.state.loader);
  EXPECT_EQ(state.last_step, before.state.last_step);
  EXPECT_EQ(state.fingerprint, before.state.fingerprint);
  EXPECT_EQ(state.best, before.state.best);
  EXPECT_EQ(state.recent_losses, before.state.recent_losses);
  EXPECT_EQ(state.sample_bytes, 123);
  EXPECT_TRUE(torch::equal(state.generator, before.state.generator));
}

TEST(Checkpoint, TheGeneratorGoesOnWhereItWas) {
  torch::manual_seed(7);
  torch::randn({5});  // an odd number of normals leaves half a pair behind
  const auto state = generator_state();
  const auto want = torch::randn({9});
  const auto seed = draw_seed();
  torch::manual_seed(8);
  set_generator_state(state);
  EXPECT_TRUE(torch::equal(torch::randn({9}), want));
  EXPECT_EQ(draw_seed(), seed);
}

TEST(Checkpoint, AChangedByteInAnyFileIsNamedAndTheOneBeforeTaken) {
  for (const char* name :
       {"model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}) {
    ScratchFolder run;
    Life life(1);
    for (const int64_t steps : {1, 2, 3}) life.save(run.path(), steps);
    EXPECT_EQ(newest(run.path()), step_folder(3));
    const auto file = run / "checkpoints" / step_folder(3) / name;
    // In the manifest: a digit of a digest.
    const bool manifest = std::string(name) == "manifest.json";
    flip_byte(file, manifest ? read_file(file).find("sha256") + 15 : fs::file_size(file) / 2);
    testing::internal::CaptureStderr();
    EXPECT_EQ(newest(run.path()), step_folder(2));
    const auto said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, testing::HasSubstr(step_folder(3)));
    if (!manifest) {
      EXPECT_THAT(said, testing::HasSubstr(name));
    }
  }
}

TEST(Checkpoint, AMissingOrShorterFileIsNoticed) {
  for (const char* name :
       {"model.safetensors", "optimizer.safetensors", "state.json", "manifest.json"}) {
    ScratchFolder run;
    Life life(1);
    for (const int64_t steps : {1, 2, 3}) life.save(run.path(), steps);
    fs::remove(run / "checkpoints" / step_folder(3) / name);
    EXPECT_EQ(newest(run.path()), step_folder(2)) << name;
    const auto file = run / "checkpoints" / step_folder(2) / name;
    fs::resize_file(file, fs::file_size(file) - 1);
    // The manifest's last byte is a newline, which carries nothing.
    if (std::string(name) != "manifest.json") {
      EXPECT_EQ(newest(run.path()), step_folder(1)) << name;
    }
  }
}

TEST(Checkpoint, AFileOfAnotherStepIsNoticed) {
  ScratchFolder run;
  Life life(1);
  life.save(run.path(), 1);
  life.state.tokens = 77;
  life.save(run.path(), 2);
  fs::copy_file(run / "checkpoints" / step_folder(1) / "state.json",
                run / "checkpoints" / step_folder(2) / "state.json",
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(newest(run.path()), step_folder(1));
}

TEST(Checkpoint, ThereMayBeNone) {
  ScratchFolder run;
  EXPECT_EQ(newest(run.path()), "none");
  fs::create_directory(run / "checkpoints");
  EXPECT_EQ(newest(run.path()), "none");
  fs::create_directories(run / "checkpoints" / step_folder(4));
  EXPECT_EQ(newest(run.path()), "none") << "an empty folder is none";
}

TEST(Checkpoint, LeftoversAndForeignNamesAreNotTaken) {
  ScratchFolder run;
  Life(1).save(run.path(), 3);
  const auto real = run / "checkpoints" / step_folder(3);
  for (const char* name : {"step-00000009.tmp-1", "step-9", "step-0000000x", "best", "step-"}) {
    fs::copy(real, run / "checkpoints" / name, fs::copy_options::recursive);
  }
  write_file_atomic(run / "checkpoints" / "step-00000008", "a file");
  EXPECT_EQ(newest(run.path()), step_folder(3));
}

TEST(Checkpoint, ComparesStepsAsNumbers) {
  ScratchFolder run;
  Life life(1);
  life.save(run.path(), 99'999'999);
  life.save(run.path(), 100'000'000);
  EXPECT_EQ(newest(run.path()), "step-100000000");
}

TEST(Checkpoint, KeepsTheNewestOnes) {
  ScratchFolder run;
  Life life(1);
  for (const int64_t steps : {1, 2, 3, 4, 5}) {
    life.save(run.path(), steps, 2);
    EXPECT_LE(folders(run.path()).size(), 2u);
  }
  EXPECT_EQ(folders(run.path()), (std::vector{step_folder(4), step_folder(5)}));
  life.save(run.path(), 5, 1);  // again, as on a signal right after
  EXPECT_EQ(folders(run.path()), std::vector{step_folder(5)});
}

TEST(Checkpoint, ADamagedOneDoesNotPushOutThoseSavedAfterIt) {
  ScratchFolder run;
  Life life(1);
  for (const int64_t steps : {4, 8}) life.save(run.path(), steps, 2);
  flip_byte(run / "checkpoints" / step_folder(8) / "model.safetensors", 200);
  EXPECT_EQ(newest(run.path()), step_folder(4));
  life.save(run.path(), 6, 1);  // the resumed run's next one
  EXPECT_EQ(newest(run.path()), step_folder(6));
  EXPECT_EQ(folders(run.path()), std::vector{step_folder(6)});
}

TEST(Checkpoint, RefusesAnotherModel) {
  ScratchFolder run;
  Life life(1);
  life.save(run.path(), 2);
  GPT wider(
      ModelConfig{.vocab_size = 23, .context_length = 6, .n_layer = 2, .n_head = 2, .d_model = 8});
  AdamW optimizer(*wider, {});
  expect_error([&] { load_checkpoint(*newest_checkpoint(run.path()), *wider, optimizer); },
               "token_embedding");
}

TEST(Checkpoint, RefusesAStateThatIsNotOurs) {
  ScratchFolder run;
  Life life(1);
  life.save(run.path(), 2);
  const auto folder = *newest_checkpoint(run.path());
  const auto good = parse_json(read_file(folder / "state.json"), "state.json");
  const auto refused = [&](const std::string& key, const Json& value, const std::string& part) {
    auto changed = good;
    changed[key] = value;
    write_file_atomic(folder / "state.json", dump_json(changed));
    expect_error([&] { load_checkpoint(folder, *life.model, life.optimizer); }, part);
  };
  refused("version", 2, "expected version 1");
  refused("steps_done", "two", "steps_done");
  refused("epoch_seed", "many", "epoch_seed");
  refused("epoch_seed", "99999999999999999999999", "epoch_seed");
  refused("last_step", {{"loss"}}, "last_step");
  refused("last_step", {{"loss", "x"}}, "last_step");
  refused("last_step", nullptr, "last_step");
}

}  // namespace
}  // namespace gptkit
