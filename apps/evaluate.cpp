// evaluate: figures of a language model.
//   evaluate perplexity --model runs/mine/model book.txt

#include "tasks/evaluate.h"

#include <iostream>

#include "common/cli.h"
#include "common/settings.h"

int main(int argc, char** argv) {
  return gptkit::run_app("evaluate", [&] {
    gptkit::CommonOptions common;
    std::vector<gptkit::ConfigOverride> typed;
    std::vector<std::string> files;
    CLI::App app("Measure a language model; the figures are one JSON object.", "evaluate");
    app.require_subcommand(1);
    auto* perplexity = app.add_subcommand(
        "perplexity",
        "How well a model predicts texts: mean loss per token, perplexity, bits per character.\n\n"
        "  evaluate perplexity --model runs/mine/model book.txt");
    perplexity->add_option("files", files, "text files, folders, globs, or token shards")
        ->required()
        ->type_name("FILE");
    gptkit::add_config_options(*perplexity, common);
    gptkit::add_settings(*perplexity, gptkit::PerplexityConfig{}, typed, {{"model", "-m"}});
    gptkit::parse(app, argc, argv);

    auto inputs = gptkit::to_inputs(common);
    inputs.overrides.insert(inputs.overrides.end(), typed.begin(), typed.end());
    gptkit::PerplexityConfig config;
    const auto origins = gptkit::load_config(config, inputs);
    if (common.print_config) {
      std::cout << gptkit::config_to_yaml(config, &origins);
      return;
    }
    const std::vector<std::filesystem::path> paths(files.begin(), files.end());
    std::cout << gptkit::dump_json(gptkit::run_perplexity(config, paths, common.threads)) << '\n';
  });
}
