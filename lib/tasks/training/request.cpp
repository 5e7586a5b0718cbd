#include "tasks/training/request.h"

#include "base/error.h"
#include "base/files.h"
#include "data/corpus/documents.h"

namespace gptkit {

TaskRequest with_run_folder(TaskRequest request, const std::string& program) {
  auto& files = request.inputs.files;
  if (request.out.empty()) {
    const auto name = files.empty() ? program : files.back().stem().string();
    request.out = fs::path("runs") / name;
  }
  if (request.mode == RunMode::kResume && files.empty()) {
    const auto saved = request.out / "config.yaml";
    require(is_there(saved), request.out.string(),
            ": no run to resume (there is no config.yaml); name the run folder with ", Key{"out"});
    files.push_back(saved);
  }
  if (request.mode == RunMode::kResume) {
    for (const auto& file : files) {
      std::error_code missing;
      const bool own = fs::equivalent(file, request.out / "config.yaml", missing);
      if (own) request.inputs.stored = file;
    }
  }
  if (request.program.empty()) request.program = program;
  return request;
}

RunFolderOptions run_folder_options(const TaskRequest& request, const World& world,
                                    const std::vector<fs::path>& inputs) {
  RunFolderOptions options{.program = request.program, .outer = request.outer};
  options.writes = world.is_main();
  options.inputs = request.inputs.files;
  for (const auto& input : inputs) {
    std::error_code code;
    options.inputs.push_back(input);
    if (input.empty() || fs::exists(input, code)) continue;
    try {  // a glob
      const auto files = expand_inputs({input});
      options.inputs.insert(options.inputs.end(), files.begin(), files.end());
    } catch (const Error&) {  // a model's name, or an error that is reported when it is read
    }
  }
  return options;
}

}  // namespace gptkit
