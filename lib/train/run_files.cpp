#include "train/run_files.h"

#include "weights/model_folder.h"

namespace gptkit {

namespace {

const OwnedFolder& checkpoints_folder() {
  static const OwnedFolder list = {.what = "checkpoints",
                                   .names = {{"step-#", &checkpoint_files()}}};
  return list;
}

/// Filled after the list below exists, because runs contain runs.
OwnedFolder& nested_run() {
  static OwnedFolder list = {
      .what = "a run",
      .names = {},
      .marks = {".lock", "run.log", "metrics.jsonl", "sweep.json", "fold-#"}};
  return list;
}

}  // namespace

const OwnedFolder& checkpoint_files() {
  static const OwnedFolder list = {
      .what = "a checkpoint",
      .names = {
          {"model.safetensors"}, {"optimizer.safetensors"}, {"state.json"}, {"manifest.json"}}};
  return list;
}

const std::vector<RunFile>& run_files() {
  using Part = RunFile::Part;
  constexpr const char* kAll = "all";
  constexpr const char* kClassify = "finetune-classify";
  static const std::vector<RunFile> files = {
      {"model", Part::kResult, kAll, "the finished model, with its tokenizer", &model_folder()},
      {"adapter", Part::kResult, kClassify, "with `lora.rank`: the adapters in PEFT's layout",
       &adapter_folder()},
      {"report.html", Part::kResult, kClassify, "the report: how reliable the classifier is"},
      {"report.txt", Part::kResult, kClassify, "the same as text"},
      {"report.json", Part::kResult, kClassify, "the same for programs"},
      {"responses.json", Part::kResult, "finetune-instruct",
       "answers to the test instructions; `null`: not answered yet"},
      {"finished.json", Part::kResult, kAll,
       "written with `model/`: steps, tokens, seconds and the last evaluation"},
      {"metrics.jsonl", Part::kTraining, kAll, "one object per step, see below"},
      {"loss.svg", Part::kTraining, kAll, "the same as a plot"},
      {"events.out.tfevents.*.gptkit", Part::kTraining, kAll,
       "the same for TensorBoard, with `--tensorboard`"},
      {"samples.txt", Part::kTraining, "pretrain, finetune-instruct",
       "`sample.prompt`, continued after each epoch"},
      {"filter-report.json", Part::kTraining, "pretrain",
       "the documents that `data.filter` dropped, with reasons"},
      {"checkpoints", Part::kTraining, kAll,
       "`step-XXXXXXXX/`: the state that a resumed run needs; complete or absent, each file with "
       "its SHA-256",
       &checkpoints_folder()},
      {"config.yaml", Part::kTraining, kAll,
       "every setting of the run; `-c runs/mine/config.yaml` repeats it"},
      {"run.log", Part::kTraining, kAll, "the messages on standard error, with the time"},
      {"fold-#", Part::kTraining, kClassify, "with `data.folds`: the run of each fold",
       &nested_run()},
      {"sweep.yaml", Part::kTraining, kClassify, "with `--sweep`: its rows"},
      {"sweep.json", Part::kTraining, kClassify, "the results of each row"},
      {"sweep.md", Part::kTraining, kClassify, "the same as a table"},
      {"#-*", Part::kTraining, kClassify, "the run of each row", &nested_run()},
      {".lock", Part::kInternal, kAll, "held while a process works in the folder"},
      {".launch", Part::kInternal, kAll, "which launch of several processes the run belongs to"},
      {".run.log", Part::kInternal, kAll, "messages of a run that has not replaced another yet"},
      {"backbone-#.tmp", Part::kInternal, kClassify, "activations of frozen blocks"},
  };
  return files;
}

const OwnedFolder& run_folder_files() {
  auto& list = nested_run();
  if (list.names.empty()) {
    for (const auto& file : run_files()) list.names.push_back({file.name, file.folder});
  }
  return list;
}

}  // namespace gptkit
