// finetune-classify: a pretrained GPT and labelled texts become a text classifier.
//   finetune-classify -c configs/quickstart/classify.yaml --out runs/spam

#include "tasks/finetune_classify/finetune_classify.h"

#include <iostream>
#include <vector>

#include "common/memory.h"
#include "common/training.h"
#include "tasks/doctor/doctor.h"
#include "tasks/finetune_classify/folds.h"
#include "tasks/finetune_classify/sweep.h"

namespace {
using namespace gptkit;

constexpr const char* kHelp =
    "Finetune a pretrained GPT into a text classifier (spam or not, for example).\n"
    "Labelled texts: TSV, CSV or JSONL with a label and a text column.\n\n"
    "  finetune-classify --model runs/mine/model --out runs/spam \\\n"
    "                    --set data.train=messages.tsv\n"
    "  finetune-classify -c configs/classify/spam-smollm2.yaml --set data.train=messages.tsv\n"
    "  finetune-classify -c configs/book/ch06-classify.yaml \\\n"
    "                    --sweep configs/classify/ablation.yaml --out runs/ablation";

std::string resolved(const ConfigInputs& inputs) {
  ConfigOrigins origins;
  const auto config = load_finetune_classify_config(inputs, origins);
  return config_to_yaml(config, &origins);
}

void sweep_rows(const TaskRequest& request, const TrainingOptions& options, World& world,
                const std::string& rows) {
  require(options.processes == 1, Key{"nproc"}, " and ", Key{"sweep"}, ": choose one of them");
  const auto results = run_classify_sweep(request, rows, world);
  std::cout << (options.common.json ? dump_json(to_json(results)) + "\n" : to_markdown(results));
}

void print_accuracies(const FinetuneClassifySummary& summary) {
  if (!summary.folds.empty()) {
    std::vector<double> accuracies;
    for (const auto& fold : summary.folds) accuracies.push_back(fold.accuracy);
    const auto accuracy = spread_of(accuracies);
    std::cout << "accuracy over " << accuracies.size() << " folds  " << accuracy.mean << " ("
              << accuracy.smallest << " to " << accuracy.largest << ")\n"
              << "report   " << (summary.run / "report.json").string() << '\n';
    return;
  }
  for (const char* split : {"train", "validation", "test"}) {
    const auto found = summary.splits.find(split);
    if (found == summary.splits.end()) continue;
    std::cout << split << " accuracy  " << found->second.accuracy << " on " << found->second.rows
              << " texts\n";
  }
  std::cout << "report   " << (summary.run / "report.html").string() << '\n';
}

void train_classifier(const TaskRequest& request, const TrainingOptions& options, World& world,
                      std::string sweep) {
  const auto rows = std::filesystem::path(options.out) / "sweep.yaml";
  if (options.resume && sweep.empty() && std::filesystem::exists(rows)) sweep = rows.string();
  if (!sweep.empty()) return sweep_rows(request, options, world, sweep);
  launch_if_asked(options);
  const auto summary = run_finetune_classify(request, world);
  print_run(summary.run, summary.train, options.common.json, {{"report", summary.report}});
  if (!options.common.json) print_accuracies(summary);
}

}  // namespace

int main(int argc, char** argv) {
  give_back_freed_blocks(2 << 20);
  std::string sweep;
  const auto add_sweep = [&](CLI::App& app) {
    app.add_option("--sweep", sweep,
                   "a YAML file of rows {name, set: [key=value, ...]}: finetune once for each and "
                   "compare them in <out>/sweep.md and sweep.json")
        ->type_name("FILE");
  };
  return run_training_program(
      {.about = {"finetune-classify", kHelp, version_details},
       .model_key = "model",
       .resolved_config = resolved,
       .run = [&](const auto& request, const auto& options,
                  World& world) { train_classifier(request, options, world, sweep); },
       .more_options = add_sweep},
      argc, argv);
}
