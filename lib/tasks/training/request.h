#pragma once
// The request to a training program, and the run folder that follows from it.

#include <filesystem>
#include <string>
#include <vector>

#include "base/config/config.h"
#include "distributed/world.h"
#include "train/run_folder.h"

namespace gptkit {

struct TaskRequest {
  ConfigInputs inputs;
  std::filesystem::path out;  ///< the run folder; empty: runs/<name of the config>
  RunMode mode = RunMode::kNew;
  std::string program = {};          ///< its name, for messages
  const RunFolder* outer = nullptr;  ///< the folder of a sweep, for one of its rows
  int threads = 0;
  bool dry_run = false;  ///< pretraining: three steps to measure, nothing written
};

/// The run folder of a request. A resumed run without a config uses that of the folder, which an
/// earlier version of gptkit may have written.
TaskRequest with_run_folder(TaskRequest request, const std::string& program);

/// The options of the run folder. `inputs` are the files, folders, globs and model names that the
/// run reads; the config files are in the request. Rank 0 of the world writes.
RunFolderOptions run_folder_options(const TaskRequest& request, const World& world,
                                    const std::vector<std::filesystem::path>& inputs);

}  // namespace gptkit
