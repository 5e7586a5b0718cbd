#include "train/checkpoint.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/owned_folder.h"
#include "tensors/tensor_map.h"
#include "train/run_files.h"
#include "weights/tensor_files.h"

namespace gptkit {

namespace {

constexpr const char* kPrefix = "step-";

std::string folder_name(int64_t steps_done) {
  char name[32];
  std::snprintf(name, sizeof name, "%s%08lld", kPrefix, static_cast<long long>(steps_done));
  return name;
}

/// The checkpoint folders, oldest first.
std::vector<fs::path> checkpoints(const fs::path& run) {
  std::vector<fs::path> found;
  if (!fs::is_directory(run / "checkpoints")) return found;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints")) {
    const auto name = entry.path().filename().string();
    const bool digits = name.starts_with(kPrefix) && name.size() >= 13 &&
                        std::all_of(name.begin() + 5, name.end(), ::isdigit);
    if (digits && entry.is_directory()) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(a.string().size(), a) < std::pair(b.string().size(), b);
  });
  return found;
}

/// A half-removed folder would look like a damaged checkpoint, so it is renamed first. A folder
/// that cannot be removed only takes disk space: the run continues.
void remove_checkpoint(const fs::path& folder) {
  try {
    require_owned(folder, checkpoint_files());
    const fs::path aside = folder.string() + ".tmp-removed";
    fs::rename(folder, aside);
    remove_owned(aside, checkpoint_files());
  } catch (const std::exception& error) {
    log_warning("cannot remove an old checkpoint: ", error.what());
  }
}

Json to_json(const TrainState& state) {
  Json last = Json::array();
  for (const auto& [name, value] : state.last_step) last.push_back({name, value});
  return {{"version", 1},
          {"steps_done", state.steps_done},
          {"tokens", state.tokens},
          {"seconds", state.seconds},
          {"epoch", state.loader.epoch},
          {"batch", state.loader.batch},
          // Text: a uint64 is beyond what every JSON reader keeps exact.
          {"epoch_seed", std::to_string(state.loader.seed)},
          {"last_step", last},
          {"fingerprint", state.fingerprint},
          {"best",
           {{"val_loss", state.best.val_loss},  // infinite is written as null
            {"steps_done", state.best.steps_done},
            {"evaluations_since", state.best.evaluations_since}}},
          {"loss_scale",
           {{"scale", state.loss_scale.scale},
            {"steps_since", state.loss_scale.steps_since},
            {"skipped", state.loss_scale.skipped}}},
          {"recent_losses", state.recent_losses},
          {"sample_bytes", state.sample_bytes}};
}

uint64_t seed_of(const std::string& text, const std::string& where) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  require(error == std::errc() && end == text.data() + text.size(), where, ": 'epoch_seed' is '",
          printable(text), "'; expected a number below 2^64");
  return seed;
}

/// Keys that early checkpoints do not have. Without them the run resumes without that history.
void read_later_keys(const Json& json, const std::string& where, TrainState& state) {
  if (const auto best = json.find("best"); best != json.end()) {
    state.best.steps_done = json_int(*best, "steps_done", where);
    state.best.evaluations_since = json_int(*best, "evaluations_since", where);
    if (state.best.steps_done > 0) state.best.val_loss = json_number(*best, "val_loss", where);
  }
  if (const auto scale = json.find("loss_scale"); scale != json.end()) {
    state.loss_scale.scale = json_number(*scale, "scale", where);
    state.loss_scale.steps_since = json_int(*scale, "steps_since", where);
    state.loss_scale.skipped = json_int(*scale, "skipped", where);
  }
  if (const auto losses = json.find("recent_losses"); losses != json.end()) {
    require(losses->is_array(), where, ": 'recent_losses' is not a list");
    for (const auto& loss : *losses) {
      require(loss.is_number(), where, ": 'recent_losses' holds ", printable(dump_json(loss)),
              "; expected numbers");
      remember_loss(state.recent_losses, loss.get<double>());
    }
  }
  if (json.contains("sample_bytes")) state.sample_bytes = json_int(json, "sample_bytes", where);
}

TrainState from_json(const Json& json, const std::string& where) {
  const auto version = json_int(json, "version", where);
  require(version == 1, where, ": a checkpoint of version ", version,
          ", written by another version of gptkit; expected version 1");
  TrainState state;
  state.steps_done = json_int(json, "steps_done", where);
  state.tokens = json_int(json, "tokens", where);
  state.seconds = json_number(json, "seconds", where);
  state.loader.epoch = json_int(json, "epoch", where);
  state.loader.batch = json_int(json, "batch", where);
  state.loader.seed = seed_of(json_string(json, "epoch_seed", where), where);
  const auto last = json.find("last_step");
  require(last != json.end() && last->is_array(), where, ": 'last_step' is not a list");
  for (const auto& item : *last) {
    require(item.is_array() && item.size() == 2 && item[0].is_string() &&
                (item[1].is_number() || item[1].is_null()),
            where, ": 'last_step' holds ", printable(dump_json(item)), "; expected [name, number]");
    // Numbers that are not finite are written as null.
    const double value = item[1].is_null() ? std::nan("") : item[1].get<double>();
    state.last_step.emplace_back(item[0].get<std::string>(), value);
  }
  state.fingerprint = json_string(json, "fingerprint", where);
  read_later_keys(json, where, state);
  return state;
}

}  // namespace

fs::path checkpoint_folder(const fs::path& run, int64_t steps_done) {
  return run / "checkpoints" / folder_name(steps_done);
}

std::string to_text(const TrainState& state) { return dump_json(to_json(state), 2) + "\n"; }

TrainState train_state(const std::string& text, const std::string& where) {
  return from_json(parse_json(text, where), where);
}

void save_checkpoint(const fs::path& run, const torch::nn::Module& module, const AdamW& optimizer,
                     const TrainState& state, const Retention& keep) {
  save_checkpoint(run, module, optimizer.state(), state, keep);
}

void save_checkpoint(const fs::path& run, const torch::nn::Module& module,
                     const NamedTensors& moments, const TrainState& state, const Retention& keep) {
  fs::create_directories(run / "checkpoints");
  const auto target = checkpoint_folder(run, state.steps_done);
  AtomicDirectory folder(target);
  save_tensors(folder.path() / "model.safetensors", tensors_of(module));
  auto tensors = moments;
  tensors.emplace_back("generator", state.generator);
  save_tensors(folder.path() / "optimizer.safetensors", tensors);
  write_file_atomic(folder.path() / "state.json", to_text(state));
  write_manifest(folder.path());
  folder.commit(&checkpoint_files());

  auto all = checkpoints(run);
  // Later checkpoints were damaged and skipped on resume: they must not displace whole ones.
  const auto stale = std::find(all.begin(), all.end(), target) + 1;
  for (auto later = stale; later != all.end(); ++later) remove_checkpoint(*later);
  all.erase(stale, all.end());
  const auto surplus = static_cast<int64_t>(all.size()) - keep.newest;
  for (int64_t i = 0; i < surplus; ++i) {
    const auto& old = all[static_cast<size_t>(i)];
    if (old != checkpoint_folder(run, keep.best)) remove_checkpoint(old);
  }
}

std::optional<fs::path> newest_checkpoint(const fs::path& run) {
  auto all = checkpoints(run);
  std::reverse(all.begin(), all.end());
  for (const auto& folder : all) {
    try {
      verify_manifest(folder);
      return folder;
    } catch (const Error& error) {
      log_warning(error.what(), "; trying the checkpoint before it");
    }
  }
  return std::nullopt;
}

TrainState load_checkpoint(const fs::path& checkpoint, torch::nn::Module& module,
                           AdamW& optimizer) {
  auto state = load_checkpoint(checkpoint, module, optimizer.state());
  optimizer.set_steps(state.steps_done - state.loss_scale.skipped);
  return state;
}

TrainState load_checkpoint(const fs::path& checkpoint, torch::nn::Module& module,
                           const NamedTensors& moments) {
  const auto file = checkpoint / "state.json";
  auto state = train_state(read_file(file), file.string());
  copy_into(module, open_tensors({checkpoint / "model.safetensors"}));

  torch::NoGradGuard no_grad;
  const auto map = open_tensors({checkpoint / "optimizer.safetensors"});
  std::vector<std::pair<std::string, std::vector<int64_t>>> wanted;
  for (const auto& [name, tensor] : moments) wanted.emplace_back(name, tensor.sizes().vec());
  check_tensors(map, wanted, [](const std::string& name) { return name == "generator"; });
  for (auto [name, tensor] : moments) tensor.copy_(map.at(name));
  state.generator = map.at("generator").clone();
  return state;
}

bool load_weights(const fs::path& checkpoint, torch::nn::Module& module,
                  const NamedTensors& others) {
  try {
    verify_manifest(checkpoint);
  } catch (const Error& error) {
    log_warning(error.what());
    return false;
  }
  copy_into(module, open_tensors({checkpoint / "model.safetensors"}));
  const torch::NoGradGuard no_grad;
  if (!others.empty()) {
    const auto map = open_tensors({checkpoint / "optimizer.safetensors"});
    for (auto [name, tensor] : others) tensor.copy_(map.at(name));
  }
  return true;
}

torch::Tensor generator_state() { return at::detail::getDefaultCPUGenerator().get_state(); }

void set_generator_state(const torch::Tensor& state) {
  auto generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state);
}

uint64_t draw_seed() {
  return static_cast<uint64_t>(torch::empty({}, torch::kInt64).random_().item<int64_t>());
}

}  // namespace gptkit
