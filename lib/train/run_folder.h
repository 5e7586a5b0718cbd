#pragma once
// The folder of one training run: config.yaml, run.log, metrics.jsonl, loss.svg, samples.txt,
// checkpoints/, model/. One process at a time works in it.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/files.h"

namespace gptkit {

enum class RunMode {
  kNew,        ///< refuses a folder that already holds a run
  kResume,     ///< goes on from its newest checkpoint
  kOverwrite,  ///< removes what an earlier run left, and only that
};

/// Of several ranks only rank 0 touches the folder: the others' objects write nothing.
class RunFolder {
 public:
  /// Makes or opens the folder and locks it; from here on run.log receives every message. Started
  /// again by a launcher after a rank died, goes on with what this launch has begun.
  RunFolder(fs::path path, RunMode mode);

  const fs::path& path() const { return path_; }
  bool resuming() const { return mode_ == RunMode::kResume; }

  /// Writes config.yaml; when resuming, compares it with what is there first and fails naming the
  /// first line that differs, other than those of keys that may change (how long, how often to
  /// evaluate and save, where to run).
  void write_config(const std::string& yaml) const;

  /// samples.txt, which grows a line at a time: how long it is, cutting it back to what it was when
  /// a checkpoint was taken (the evaluations after it are done again), and pushing it to the disk.
  int64_t sample_bytes() const;
  void cut_samples(int64_t bytes) const;
  void sync_samples() const;

  /// Fills a fresh folder and gives it the name model/, replacing an earlier one.
  void write_model(const std::function<void(const fs::path&)>& save) const;

 private:
  fs::path path_;
  RunMode mode_;
  std::optional<FolderLock> lock_;
};

}  // namespace gptkit
