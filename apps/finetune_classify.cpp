// finetune-classify: a pretrained GPT and labelled texts become a text classifier.
//   finetune-classify -c configs/quickstart/classify.yaml --out runs/spam

#include "tasks/finetune_classify/finetune_classify.h"

#include <iostream>

#include "common/memory.h"
#include "common/training.h"
#include "tasks/finetune_classify/sweep.h"

int main(int argc, char** argv) {
  gptkit::give_back_freed_blocks(2 << 20);
  return gptkit::run_training_app("finetune-classify", [&] {
    gptkit::TrainingOptions options;
    CLI::App app(
        "Finetune a pretrained GPT into a text classifier (spam or not, for example).\n"
        "Labelled texts: TSV, CSV or JSONL with a label and a text column.\n\n"
        "  finetune-classify --model runs/mine/model --out runs/spam \\\n"
        "                    --set data.train=messages.tsv\n"
        "  finetune-classify -c configs/classify/spam-smollm2.yaml --set data.train=messages.tsv\n"
        "  finetune-classify -c configs/book/ch06-classify.yaml \\\n"
        "                    --sweep configs/classify/ablation.yaml --out runs/ablation",
        "finetune-classify");
    gptkit::add_training_options(app, options);
    std::string sweep;
    app.add_option("--sweep", sweep,
                   "a YAML file of rows {name, set: [key=value, ...]}: finetune once for each and "
                   "compare them in <out>/sweep.md and sweep.json")
        ->type_name("FILE");
    gptkit::parse(app, argc, argv);

    const auto request = gptkit::to_request(app, options, "model");
    if (options.common.print_config) {
      gptkit::ConfigOrigins origins;
      const auto config = gptkit::load_finetune_classify_config(request.inputs, origins);
      std::cout << gptkit::config_to_yaml(config, &origins);
      return;
    }
    const auto rows = std::filesystem::path(options.out) / "sweep.yaml";
    if (options.resume && sweep.empty() && std::filesystem::exists(rows)) sweep = rows.string();
    if (!sweep.empty()) {
      gptkit::require(options.processes == 1, "--nproc and --sweep: choose one of them");
      const auto result = gptkit::run_classify_sweep(request, sweep);
      std::cout << (options.common.json ? gptkit::dump_json(result.rows) + "\n" : result.markdown);
      return;
    }
    gptkit::launch_if_asked("finetune-classify", options, argv);
    const auto summary = gptkit::run_finetune_classify(request);
    gptkit::print_run(summary.run, summary.train, options.common.json,
                      {{"report", summary.report}});
    if (options.common.json) return;
    if (summary.report.contains("folds")) {
      const auto& accuracy = summary.report.at("accuracy");
      std::cout << "accuracy over " << summary.report.at("folds").size() << " folds  "
                << accuracy.at("mean").get<double>() << " ("
                << accuracy.at("smallest").get<double>() << " to "
                << accuracy.at("largest").get<double>() << ")\n"
                << "report   " << (summary.run / "report.json").string() << '\n';
      return;
    }
    for (const char* split : {"train", "validation", "test"}) {
      if (!summary.report.contains(split)) continue;
      const auto& report = summary.report.at(split);
      std::cout << split << " accuracy  " << report.at("accuracy").get<double>() << " on "
                << report.at("rows") << " texts\n";
    }
    std::cout << "report   " << (summary.run / "report.html").string() << '\n';
  });
}
