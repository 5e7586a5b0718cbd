#pragma once
// The one list of the files and folders in a run folder. Writing, --overwrite, --resume and the
// table in apps/guide/run-folders.md use it.

#include <string_view>
#include <vector>

#include "base/owned_folder.h"

namespace gptkit {

struct RunFile {
  enum class Part {
    kTraining,  ///< of the training itself: a resumed run continues with it
    kResult,    ///< made after the last step: out of date as soon as a resumed run trains on
    kInternal,  ///< of no interest to people
  };
  std::string_view name;  ///< a pattern of base/owned_folder.h
  Part part;
  std::string_view programs;            ///< which write it
  std::string_view what;                ///< as the guide's table says it
  const OwnedFolder* folder = nullptr;  ///< its contents; null: it is a file
};

/// In the order of the guide's table.
const std::vector<RunFile>& run_files();

/// The same as an OwnedFolder, for code that replaces or removes a run.
const OwnedFolder& run_folder_files();
/// The files of a checkpoint.
const OwnedFolder& checkpoint_files();

}  // namespace gptkit
