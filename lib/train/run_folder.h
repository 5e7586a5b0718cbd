#pragma once
// The folder of one training run; what it can hold is listed in train/run_files.h. One process at a
// time works in it. Until begin() what an earlier run left is untouched.

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
  kResume,     ///< goes on from its newest checkpoint
  kOverwrite,  ///< replaces an earlier run, if there is nothing else in the folder
};

/// Whether a folder holds a run that has begun: what --resume needs, and a new run refuses.
bool holds_run(const fs::path& folder);

class RunFolder;

struct RunFolderOptions {
  std::string program = {};           ///< for the command that goes on with the run
  std::vector<fs::path> inputs = {};  ///< a run that holds one of these is not replaced
  const RunFolder* outer = nullptr;   ///< of a fold or a row of a sweep: the folder of them all
  bool writes = true;  ///< false: one of several ranks that is not rank 0; it touches nothing
};

class RunFolder {
 public:
  /// Makes or opens the folder and locks it; from here on run.log receives every message. Started
  /// again by a launcher after a rank died, goes on with what this launch has begun.
  RunFolder(fs::path path, RunMode mode, RunFolderOptions options = {});
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const fs::path& path() const { return path_; }
  bool resuming() const { return mode_ == RunMode::kResume; }
  bool writes() const { return options_.writes; }
  /// The mode of a run below this one, a fold or a row of a sweep: what has not begun yet cannot be
  /// resumed.
  RunMode mode_of(const fs::path& inner) const;
  /// "pretrain --out runs/mine --resume", as it can be typed.
  std::string resume_command() const;

  /// Begins, unless it has: removes the run that is overwritten, then does what was put off.
  void begin() const;
  bool begun() const;
  /// Whether beginning will remove another run.
  bool replaces_a_run() const;
  /// Does this when the run begins; at once if it has.
  void when_begun(std::function<void()> action) const;

  /// config.yaml, written when the run begins. When resuming, compares it with what is there at
  /// once and fails naming the first line that differs, other than those of keys that may change
  /// (how long, how often to evaluate and save, where to run). `restated` reads a config.yaml that
  /// an earlier version may have written (base/config, restated_config()); null: as it stands.
  void write_config(const std::string& yaml,
                    std::string (*restated)(const fs::path&) = nullptr) const;
  /// Whether a resumed run has the same settings, as far as they decide the result.
  bool same_config() const;

  /// samples.txt, which grows a line at a time (the run begins with its first): how long it is,
  /// cutting it back to what it was when a checkpoint was taken (the evaluations after it are done
  /// again), and pushing it to the disk.
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
