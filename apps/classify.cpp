// classify: label texts with a finetuned classifier.
//   classify --model runs/spam/model "You won a prize, call now" "See you at eight"

#include "tasks/classify.h"

#include <iostream>

#include "common/cli.h"
#include "common/settings.h"

int main(int argc, char** argv) {
  return gptkit::run_app("classify", [&] {
    gptkit::CommonOptions common;
    std::vector<gptkit::ConfigOverride> typed;
    std::vector<std::string> texts;
    CLI::App app(
        "Label texts with a classifier: one line per text, label, probability and text.\n"
        "Texts are arguments, a file (--input), or lines on standard input.\n\n"
        "  classify --model runs/spam/model \"You won a prize, call now\" \"See you at eight\"\n"
        "  classify --model runs/spam/model --input messages.tsv --evaluate",
        "classify");
    app.add_option("texts", texts, "texts to classify")->type_name("TEXT");
    gptkit::add_config_options(app, common);
    gptkit::add_settings(app, gptkit::ClassifyConfig{}, typed, {{"model", "-m"}, {"input", "-i"}});
    gptkit::parse(app, argc, argv);

    auto inputs = gptkit::to_inputs(common);
    inputs.overrides.insert(inputs.overrides.end(), typed.begin(), typed.end());
    gptkit::ClassifyConfig config;
    const auto origins = gptkit::load_config(config, inputs);
    if (common.print_config) {
      std::cout << gptkit::config_to_yaml(config, &origins);
      return;
    }
    gptkit::run_classify(config, texts, common.json, common.threads, std::cin, std::cout);
  });
}
