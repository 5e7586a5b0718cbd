#include "gptkit/training.h"

#include <utility>

#include "distributed/world.h"
#include "gptkit/inside/model_call.h"
#include "tasks/finetune_classify/finetune_classify.h"
#include "tasks/finetune_instruct/finetune_instruct.h"
#include "tasks/pretrain/pretrain.h"

namespace gptkit::api {

namespace {

TaskRequest inside(const TrainingRequest& request) {
  require(!request.out.empty(), Key{"out"}, ": no run folder; name one");
  require(!request.resume || !request.overwrite,
          "resume and overwrite are both set; set one of them");
  TaskRequest task;
  task.inputs.files = request.configs;
  for (const auto& [key, value] : request.settings) {
    task.inputs.overrides.push_back({key, value, "TrainingRequest"});
  }
  task.out = request.out;
  task.mode = request.resume      ? RunMode::kResume
              : request.overwrite ? RunMode::kOverwrite
                                  : RunMode::kNew;
  task.threads = request.threads;
  return task;
}

template <class Summary>
TrainingResult outside(const Summary& summary) {
  return {.run = summary.run,
          .model = summary.run / "model",
          .steps = summary.train.steps,
          .tokens = summary.train.tokens,
          .seconds = summary.train.seconds,
          .metrics = {summary.train.last_evaluation.begin(), summary.train.last_evaluation.end()}};
}

/// Without InferenceMode: training needs gradients.
template <class Run>
TrainingResult run(const TrainingRequest& request, const Run& task) {
  return translated([&] {
    World world;
    return outside(task(inside(request), world));
  });
}

}  // namespace

TrainingResult pretrain(const TrainingRequest& request) { return run(request, run_pretrain); }

TrainingResult finetune_classifier(const TrainingRequest& request) {
  return run(request, run_finetune_classify);
}

TrainingResult finetune_assistant(const TrainingRequest& request) {
  return run(request, run_finetune_instruct);
}

}  // namespace gptkit::api
