// evaluate: figures of a language model.
//   evaluate perplexity --model runs/mine/model book.txt
//   evaluate few-shot --model smollm2-135m-instruct --examples messages.tsv --test messages.tsv

#include "tasks/evaluate.h"

#include <iostream>
#include <optional>

#include "common/cli.h"
#include "common/settings.h"

namespace {

constexpr const char* kPerplexityHelp =
    "How well a model predicts texts: mean loss per token, perplexity, bits per character.\n\n"
    "  evaluate perplexity --model runs/mine/model book.txt";

constexpr const char* kFewShotHelp =
    "How well a model that was not trained to labels texts when shown k examples, for several k:\n"
    "a table, with --json one object with precision, recall, F1 and confusion for each k. Test\n"
    "rows with the text of an example are left out, so both files may be the same.\n\n"
    "  evaluate few-shot --model smollm2-135m-instruct --labels spam,ham --calibrate \\\n"
    "           --examples messages.tsv --test messages.tsv --shots 0,2,4,8 --rows 200";

/// One subcommand: its options and its configuration.
template <class Config>
struct Command {
  CLI::App* app = nullptr;
  gptkit::CommonOptions common = {};
  std::vector<gptkit::ConfigOverride> typed = {};

  void add(CLI::App& parent, const char* name, const char* help) {
    app = parent.add_subcommand(name, help);
    gptkit::add_config_options(*app, common);
    gptkit::add_settings(*app, Config{}, typed, {{"model", "-m"}});
  }
  /// The configuration as typed; printed, and nothing returned, for --print-config.
  std::optional<Config> config() const {
    auto inputs = gptkit::to_inputs(common);
    inputs.overrides.insert(inputs.overrides.end(), typed.begin(), typed.end());
    Config config;
    const auto origins = gptkit::load_config(config, inputs);
    if (!common.print_config) return config;
    std::cout << gptkit::config_to_yaml(config, &origins);
    return std::nullopt;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return gptkit::run_app("evaluate", [&] {
    CLI::App app("Measure a language model.", "evaluate");
    app.require_subcommand(1);
    std::vector<std::string> files;
    Command<gptkit::PerplexityConfig> perplexity;
    perplexity.add(app, "perplexity", kPerplexityHelp);
    perplexity.app->add_option("files", files, "text files, folders, globs, or token shards")
        ->required()
        ->type_name("FILE");
    Command<gptkit::FewShotEvaluationConfig> few_shot;
    few_shot.add(app, "few-shot", kFewShotHelp);
    gptkit::parse(app, argc, argv);

    if (few_shot.app->parsed()) {
      const auto config = few_shot.config();
      if (!config) return;
      const auto result = gptkit::run_few_shot_evaluation(*config, few_shot.common.threads);
      std::cout << (few_shot.common.json ? gptkit::dump_json(result) + "\n"
                                         : gptkit::few_shot_table(result));
      return;
    }
    const auto config = perplexity.config();
    if (!config) return;
    const std::vector<std::filesystem::path> paths(files.begin(), files.end());
    std::cout << gptkit::dump_json(
                     gptkit::run_perplexity(*config, paths, perplexity.common.threads))
              << '\n';
  });
}
