#include "train/run_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"
#include "base/owned_folder.h"
#include "distributed/rank_environment.h"
#include "train/run_files.h"
#include "weights/model_folder.h"

namespace gptkit {

namespace {

using Part = RunFile::Part;
constexpr const char* kLogFile = "run.log";
/// The log of a run that has not replaced another yet.
constexpr const char* kFirstLogFile = ".run.log";

/// A resumed run may change these settings; its result then differs ...
const std::set<std::string> kMayChange = {
    "device",       "epochs",     "max_steps",      "token_budget", "eval_every",
    "eval_batches", "keep_best",  "early_stopping", "prompt",       "max_new_tokens",
    "temperature",  "top_k",      "top_p",          "min_p",        "repetition_penalty",
    "stop",         "ignore_end", "spike_factor"};
/// ... or, with these, stays the same.
const std::set<std::string> kMayChangeFreely = {
    "checkpoint_every", "keep_checkpoints", "tensorboard", "count", "shard_optimizer", "timeout"};

/// Names the launch that the run belongs to, if the launcher restarts ranks.
constexpr const char* kLaunchFile = ".launch";

/// The list's entry for a name, or null.
const RunFile* run_file(const std::string& name) {
  for (const auto& file : run_files()) {
    if (fits_pattern(name, file.name)) return &file;
  }
  return nullptr;
}

/// Restarted ranks have the same options as the first time, but now the run exists.
RunMode settled(const fs::path& path, RunMode wanted) {
  const auto file = path / kLaunchFile;
  const bool begun_by_this_launch =
      may_be_restarted() && fs::exists(file) && read_file(file) == launch_identity();
  return begun_by_this_launch && holds_run(path) ? RunMode::kResume : wanted;
}

/// A run replaces these as a whole.
void require_own_results(const fs::path& run) {
  for (const auto& file : run_files()) {
    const auto path = run / file.name;
    if (file.part != Part::kResult || !file.folder || !fs::exists(path)) continue;
    const auto foreign = foreign_entries(path, *file.folder);
    require(foreign.empty(), path.string(),
            " holds files that are not part of it: ", first_three(foreign),
            "; move them away, because the run replaces this folder");
  }
}

void check_mode(const fs::path& path, RunMode mode, const RunFolderOptions& options) {
  require(!path.empty(), "no run folder; name one with ", Key{"out"});
  std::error_code code;
  const bool is_folder = fs::is_directory(path, code);
  require(is_folder || !fs::exists(path, code), path.string(),
          ": is a file; expected the folder of a run");
  const bool holds = holds_run(path);
  if (mode == RunMode::kResume) {
    require(holds, path.string(), ": no run to resume; start it without ", Key{"resume"});
    require_own_results(path);
  }
  if (mode == RunMode::kOverwrite && is_folder) {
    require_replaceable_place(path, options.inputs);
    require_owned(path, run_folder_files());
  }
  if (mode == RunMode::kNew && is_folder) {
    require(!holds, path.string(), ": already holds a run; continue it with ", Key{"resume"},
            ", replace it with ", Key{"overwrite"}, ", or name another folder with ", Key{"out"});
    const auto foreign = foreign_entries(path, run_folder_files());
    require(foreign.empty(), path.string(), ": holds other files: ", first_three(foreign),
            "; name a new or empty folder with ", Key{"out"});
  }
}

fs::path prepared(const fs::path& path, RunMode mode, const RunFolderOptions& options) {
  check_mode(path, mode, options);
  std::error_code error;
  fs::create_directories(path, error);
  require(!error, path.string(), ": cannot make the run folder: ", error.message());
  return path;
}

void remove_file(const fs::path& path) {
  std::error_code code;
  fs::remove(path, code);
  if (code) fail_runtime("cannot remove ", shown(path), ": ", code.message());
}

/// Whether `path` is `folder` or below it.
bool is_in(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

/// Removes a run. The folder and its lock are kept, and also the folders down to `active`: the run
/// that replaces one of them has already opened it.
void clear_run(const fs::path& run, const fs::path& active) {
  std::vector<fs::path> results,
      others;  // results are removed first: they must not outlive the rest
  for (const auto& entry : fs::directory_iterator(run)) {
    const auto* file = run_file(entry.path().filename().string());
    if (!file || file->name == kLockFile || file->name == kFirstLogFile) continue;
    (file->part == Part::kResult ? results : others).push_back(entry.path());
  }
  results.insert(results.end(), others.begin(), others.end());
  for (const auto& path : results) {
    const auto* file = run_file(path.filename().string());
    if (file->folder == &run_folder_files() && is_in(active, path)) {
      clear_run(path, active);
    } else if (file->folder) {
      remove_owned(path, *file->folder);
    } else {
      remove_file(path);
    }
  }
}

/// Quoted for a shell.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
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
/// by a later version of gptkit, and its default is the earlier behaviour.
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

/// The mutable state of a run folder.
struct RunFolder::State {
  bool begun = false, same_config = false;
  bool replaces = false;  ///< an existing run
  std::vector<std::function<void()>> when_begun = {};
  fs::path log = {}, log_before = {};
};

bool holds_run(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const auto name = it->path().filename().string();
    const auto* file = run_file(name);
    if (!file || file->part == Part::kInternal || name == kLogFile) continue;
    if (file->folder != &run_folder_files() || holds_run(it->path())) return true;
  }
  return false;
}

RunFolder::RunFolder(fs::path path, RunMode mode, RunFolderOptions options)
    : path_(std::move(path)),
      mode_(options.writes ? settled(path_, mode) : mode),
      options_(std::move(options)),
      state_(std::make_unique<State>()) {
  if (!writes()) return;
  lock_.emplace(prepared(path_, mode_, options_));
  remove_leftovers(path_);
  if (fs::exists(path_ / "checkpoints")) remove_leftovers(path_ / "checkpoints");
  state_->log_before = log_file();
  state_->replaces = mode_ == RunMode::kOverwrite && holds_run(path_);
  fs::remove(path_ / kFirstLogFile);
  state_->log = path_ / (state_->replaces ? kFirstLogFile : kLogFile);
  set_log_file(state_->log);
}

RunFolder::~RunFolder() {
  if (!lock_) return;
  std::error_code ignored;
  fs::remove(path_ / kFirstLogFile, ignored);
  set_log_file(options_.outer ? options_.outer->state_->log : state_->log_before);
}

std::string RunFolder::resume_command() const {
  if (options_.outer) return options_.outer->resume_command();
  const auto program = options_.program.empty() ? "" : options_.program + " ";
  return concat(program, Key{"out"}, " ", quoted(path_.string()), " ", Key{"resume"});
}

RunMode RunFolder::mode_of(const fs::path& inner) const {
  return resuming() && !holds_run(inner) ? RunMode::kNew : mode_;
}

bool RunFolder::begun() const { return state_->begun; }
bool RunFolder::replaces_a_run() const {
  const bool outer = options_.outer && options_.outer->replaces_a_run();
  return outer || (state_->replaces && !state_->begun);
}
bool RunFolder::same_config() const { return state_->same_config; }

void RunFolder::begin() const { begin_with(path_); }

void RunFolder::begin_with(const fs::path& active) const {
  if (std::exchange(state_->begun, true) || !writes()) return;
  if (options_.outer) options_.outer->begin_with(active);
  if (state_->replaces) {
    clear_run(path_, active);
    const auto first = std::exchange(state_->log, path_ / kLogFile);
    if (fs::exists(first)) fs::rename(first, state_->log);
    if (log_file() == first) set_log_file(state_->log);
  }
  if (may_be_restarted()) write_file_atomic(path_ / kLaunchFile, launch_identity());
  for (const auto& action : std::exchange(state_->when_begun, {})) action();
}

void RunFolder::when_begun(std::function<void()> action) const {
  if (!writes()) return;
  if (state_->begun) return action();
  state_->when_begun.push_back(std::move(action));
}

void RunFolder::write_config(const std::string& yaml,
                             std::string (*restated)(const fs::path&)) const {
  if (!writes()) return;
  const auto file = path_ / "config.yaml";
  if (resuming() && fs::exists(file)) {
    state_->same_config = true;
    const auto before = restated ? restated(file) : read_file(file);
    for (const auto& [old_line, new_line] : changed_settings(before, yaml)) {
      const auto key = key_of(new_line);
      const bool freely = kMayChangeFreely.contains(key);
      require((freely || kMayChange.contains(key)) && key == key_of(old_line), file.string(),
              ": the run was started with '", without_blanks(old_line),
              "' and cannot continue with '", without_blanks(new_line),
              "'; resume with the same settings or start another run");
      if (freely) continue;
      state_->same_config = false;
      log_warning("resuming with '", without_blanks(new_line), "' instead of '",
                  without_blanks(old_line), "': the result is not that of an uninterrupted run");
    }
  }
  when_begun([file, yaml] { write_file_atomic(file, yaml); });
}

void RunFolder::append_sample(const std::string& line) const {
  if (!writes()) return;
  begin();
  append_line(path_ / "samples.txt", line);
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

void RunFolder::remove_results() const {
  if (!writes()) return;
  for (const auto& file : run_files()) {
    if (file.part != Part::kResult || file.name == "model") continue;
    const auto path = path_ / file.name;
    if (file.folder && fs::exists(path)) remove_owned(path, *file.folder);
    if (!file.folder) remove_file(path);
  }
}

void RunFolder::write_model(const std::function<void(const fs::path&)>& save) const {
  if (!writes()) return;
  AtomicDirectory folder(path_ / "model");
  save(folder.path());
  folder.commit(&model_folder());
}

void RunFolder::write_adapter(const std::function<void(const fs::path&)>& save) const {
  if (!writes()) return;
  AtomicDirectory folder(path_ / "adapter");
  save(folder.path());
  folder.commit(&adapter_folder());
}

}  // namespace gptkit
