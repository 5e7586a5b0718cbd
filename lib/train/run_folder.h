#pragma once
// The folder of one training run; what it can hold is listed in train/run_files.h. One process at a
// time works in it. Before begin(), files of an earlier run are not changed.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"

namespace gptkit {

enum class RunMode {
  kNew,        ///< refuses a folder that holds a run, or anything else
  kResume,     ///< continues from its newest checkpoint
  kOverwrite,  ///< replaces an earlier run, if there is nothing else in the folder
};

/// Whether a folder holds a run that has begun: --resume requires one, and a new run refuses it.
bool holds_run(const fs::path& folder);

class RunFolder;

struct RunFolderOptions {
  std::string program = {};           ///< for the command that resumes the run
  std::vector<fs::path> inputs = {};  ///< a run that holds one of these is not replaced
  const RunFolder* outer = nullptr;   ///< of a fold or a row of a sweep: the folder of them all
  bool writes = true;  ///< false: one of several ranks that is not rank 0; it touches nothing
};

class RunFolder {
 public:
  /// Makes or opens the folder and locks it; from then on run.log receives every message. If a
  /// launcher restarts the ranks after one died, continues the run that this launch began.
  RunFolder(fs::path path, RunMode mode, RunFolderOptions options = {});
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const fs::path& path() const { return path_; }
  bool resuming() const { return mode_ == RunMode::kResume; }
  bool writes() const { return options_.writes; }
  /// The mode of a run below this one (a fold or a row of a sweep): a run that has not begun cannot
  /// be resumed.
  RunMode mode_of(const fs::path& inner) const;
  /// "pretrain --out runs/mine --resume", as it can be typed.
  std::string resume_command() const;

  /// Begins, unless it has begun: removes the run that is overwritten, then performs the deferred
  /// actions.
  void begin() const;
  bool begun() const;
  /// Whether beginning will remove another run.
  bool replaces_a_run() const;
  /// Performs this action when the run begins, or immediately if it has begun.
  void when_begun(std::function<void()> action) const;

  /// config.yaml, written when the run begins. When resuming, compares it immediately with the
  /// existing one and fails naming the first line that differs, except for keys that may change
  /// (length, evaluation and checkpoint intervals, device). `restated` reads a config.yaml that an
  /// earlier version may have written (base/config, restated_config()); null: use the text
  /// unchanged.
  void write_config(const std::string& yaml,
                    std::string (*restated)(const fs::path&) = nullptr) const;
  /// Whether a resumed run has the same values for all settings that affect the result.
  bool same_config() const;

  /// samples.txt: appends a line (the first one begins the run), gives its size, truncates it to
  /// its size at a checkpoint (later evaluations are repeated), and syncs it to the disk.
  void append_sample(const std::string& line) const;
  int64_t sample_bytes() const;
  void cut_samples(int64_t bytes) const;
  void sync_samples() const;

  /// Removes what an earlier end of this run left beside model/: reports, answers, adapter.
  void remove_results() const;
  /// Fills a fresh folder and gives it the name model/ or adapter/, replacing an earlier one.
  void write_model(const std::function<void(const fs::path&)>& save) const;
  void write_adapter(const std::function<void(const fs::path&)>& save) const;

 private:
  struct State;
  void begin_with(const fs::path& active) const;

  fs::path path_;
  RunMode mode_;
  RunFolderOptions options_;
  std::optional<FolderLock> lock_;
  std::unique_ptr<State> state_;
};

}  // namespace gptkit
