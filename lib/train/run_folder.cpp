#include "train/run_folder.h"

#include <array>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/log.h"

namespace gptkit {

namespace {

constexpr std::array kOurFiles = {"config.yaml", "run.log",        "metrics.jsonl", "loss.svg",
                                  "samples.txt", "responses.json", "report.json"};
constexpr std::array kOurFolders = {"checkpoints", "model"};

const std::set<std::string> kMayChange = {
    "device",         "epochs",           "max_steps",   "eval_every", "eval_batches",     "prompt",
    "max_new_tokens", "checkpoint_every", "temperature", "top_k",      "keep_checkpoints", "count"};

fs::path prepared(const fs::path& path, RunMode mode) {
  std::error_code error;
  require(!path.empty(), "no run folder; name one with --out");
  const bool holds_run = fs::exists(path / "metrics.jsonl") || fs::exists(path / "checkpoints") ||
                         fs::exists(path / "model");
  if (mode == RunMode::kResume) {
    require(holds_run, path.string(), ": no run to resume; start it without --resume");
  }
  if (mode == RunMode::kNew) {
    require(!holds_run, path.string(),
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

}  // namespace

RunFolder::RunFolder(fs::path path, RunMode mode)
    : path_(prepared(path, mode)), mode_(mode), lock_(path_) {
  remove_leftovers(path_);
  if (fs::exists(path_ / "checkpoints")) remove_leftovers(path_ / "checkpoints");
  if (mode_ == RunMode::kOverwrite) {
    for (const char* name : kOurFiles) fs::remove(path_ / name);
    for (const char* name : kOurFolders) fs::remove_all(path_ / name);
  }
  set_log_file(path_ / "run.log");
}

void RunFolder::write_config(const std::string& yaml) const {
  const auto file = path_ / "config.yaml";
  if (resuming() && fs::exists(file)) {
    std::istringstream before(read_file(file)), now(yaml);
    while (before && now) {
      std::string old_line, new_line;
      std::getline(before, old_line);
      std::getline(now, new_line);
      if (old_line == new_line) continue;
      require(kMayChange.contains(key_of(new_line)) && key_of(new_line) == key_of(old_line),
              file.string(), ": the run was started with '", without_blanks(old_line),
              "' and cannot go on with '", without_blanks(new_line),
              "'; resume with the same settings or start another run");
      log_warning("resuming with '", without_blanks(new_line), "' instead of '",
                  without_blanks(old_line), "': the result is not that of an uninterrupted run");
    }
  }
  write_file_atomic(file, yaml);
}

void RunFolder::write_model(const std::function<void(const fs::path&)>& save) const {
  AtomicDirectory folder(path_ / "model");
  save(folder.path());
  folder.commit(/*replace=*/true);
}

}  // namespace gptkit
