#include "train/run_folder.h"

#include <fcntl.h>

#include <array>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"
#include "base/remove_tree.h"
#include "train/distributed.h"
#include "train/tensorboard.h"

namespace gptkit {

namespace {

constexpr std::array kOurFiles = {"config.yaml", "run.log",           "metrics.jsonl",
                                  "loss.svg",    "samples.txt",       "responses.json",
                                  "report.json", "filter-report.json"};
constexpr std::array kOurFolders = {"checkpoints", "model"};

/// A resumed run may have other values of these; its result is then another one ...
const std::set<std::string> kMayChange = {
    "device",       "epochs",    "max_steps",      "token_budget", "eval_every",
    "eval_batches", "keep_best", "early_stopping", "prompt",       "max_new_tokens",
    "temperature",  "top_k",     "spike_factor"};
/// ... or, with these, the same.
const std::set<std::string> kMayChangeFreely = {
    "checkpoint_every", "keep_checkpoints", "tensorboard", "count", "shard_optimizer", "timeout"};

/// Which launch the run belongs to, where the launcher starts ranks again.
constexpr const char* kLaunchFile = ".launch";

bool holds_run(const fs::path& path) {
  return fs::exists(path / "metrics.jsonl") || fs::exists(path / "checkpoints") ||
         fs::exists(path / "model");
}

/// Ranks that are started again have the same options as the first time; but then the run is there.
RunMode settled(const fs::path& path, RunMode wanted) {
  const auto file = path / kLaunchFile;
  const bool begun_by_this_launch =
      may_be_restarted() && fs::exists(file) && read_file(file) == launch_identity();
  return begun_by_this_launch && holds_run(path) ? RunMode::kResume : wanted;
}

fs::path prepared(const fs::path& path, RunMode mode) {
  std::error_code error;
  require(!path.empty(), "no run folder; name one with --out");
  const bool holds = holds_run(path);
  if (mode == RunMode::kResume) {
    require(holds, path.string(), ": no run to resume; start it without --resume");
  }
  if (mode == RunMode::kNew) {
    require(!holds, path.string(),
            ": already holds a run; go on with --resume, replace it with --overwrite, or name "
            "another folder with --out");
  }
  fs::create_directories(path, error);
  require(!error, path.string(), ": cannot make the run folder: ", error.message());
  return path;
}

std::string key_of(const std::string& line) {
  const auto begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin, line.find(':') - begin);
}

std::string without_blanks(const std::string& line) {
  const auto begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin);
}

/// Each line by the keys above it: "data.train" -> "  train: [a.txt]".
std::map<std::string, std::string> settings_of(const std::string& yaml) {
  std::map<std::string, std::string> settings;
  std::map<std::string, int64_t> items;                    // of each list
  std::vector<std::pair<std::size_t, std::string>> above;  // indentation and name
  std::istringstream lines(yaml);
  for (std::string line; std::getline(lines, line);) {
    const auto indent = line.find_first_not_of(' ');
    if (indent == std::string::npos) continue;
    while (!above.empty() && above.back().first >= indent) above.pop_back();
    auto name = above.empty() ? "" : above.back().second + ".";
    name += line[indent] == '-' ? concat(items[name]++) : key_of(line);
    settings.emplace(name, line);
    above.emplace_back(indent, name);
  }
  return settings;
}

bool is_item(const std::string& name) {
  return name.find_first_not_of("0123456789", name.rfind('.') + 1) == std::string::npos;
}

/// The lines of settings that differ: before and now. A key that `before` does not have was added
/// by a later version of gptkit, whose default is what there was before.
std::vector<std::pair<std::string, std::string>> changed_settings(const std::string& before,
                                                                  const std::string& now) {
  const auto old_settings = settings_of(before), new_settings = settings_of(now);
  std::vector<std::pair<std::string, std::string>> changed;
  for (const auto& [name, line] : new_settings) {
    const auto old = old_settings.find(name);
    const bool known = old != old_settings.end();
    if (known ? old->second != line : is_item(name)) {
      changed.emplace_back(known ? old->second : "", line);
    }
  }
  for (const auto& [name, line] : old_settings) {
    if (!new_settings.contains(name)) changed.emplace_back(line, "");
  }
  return changed;
}

}  // namespace

RunFolder::RunFolder(fs::path path, RunMode mode)
    : path_(std::move(path)), mode_(world().is_main() ? settled(path_, mode) : mode) {
  if (!world().is_main()) return;
  lock_.emplace(prepared(path_, mode_));
  remove_leftovers(path_);
  if (fs::exists(path_ / "checkpoints")) remove_leftovers(path_ / "checkpoints");
  if (mode_ == RunMode::kOverwrite) {
    for (const char* name : kOurFiles) fs::remove(path_ / name);
    for (const char* name : kOurFolders) remove_tree(path_ / name);
    remove_event_files(path_);
  }
  if (may_be_restarted()) write_file_atomic(path_ / kLaunchFile, launch_identity());
  set_log_file(path_ / "run.log");
}

void RunFolder::write_config(const std::string& yaml) const {
  if (!world().is_main()) return;
  const auto file = path_ / "config.yaml";
  if (resuming() && fs::exists(file)) {
    for (const auto& [old_line, new_line] : changed_settings(read_file(file), yaml)) {
      const auto key = key_of(new_line);
      const bool freely = kMayChangeFreely.contains(key);
      require((freely || kMayChange.contains(key)) && key == key_of(old_line), file.string(),
              ": the run was started with '", without_blanks(old_line), "' and cannot go on with '",
              without_blanks(new_line), "'; resume with the same settings or start another run");
      if (freely) continue;
      log_warning("resuming with '", without_blanks(new_line), "' instead of '",
                  without_blanks(old_line), "': the result is not that of an uninterrupted run");
    }
  }
  write_file_atomic(file, yaml);
}

int64_t RunFolder::sample_bytes() const {
  std::error_code missing;
  const auto size = fs::file_size(path_ / "samples.txt", missing);
  return missing ? 0 : static_cast<int64_t>(size);
}

void RunFolder::cut_samples(int64_t bytes) const {
  if (bytes < 0 || sample_bytes() <= bytes) return;
  fs::resize_file(path_ / "samples.txt", static_cast<uintmax_t>(bytes));
}

void RunFolder::sync_samples() const {
  if (fs::exists(path_ / "samples.txt")) sync_path(path_ / "samples.txt", O_WRONLY);
}

void RunFolder::write_model(const std::function<void(const fs::path&)>& save) const {
  if (!world().is_main()) return;
  AtomicDirectory folder(path_ / "model");
  save(folder.path());
  folder.commit(/*replace=*/true);
}

}  // namespace gptkit
