// classify: label texts with a finetuned classifier, or with a language model shown examples.
//   classify --model runs/spam/model "You won a prize, call now" "See you at eight"

#include "tasks/classify/classify.h"

#include <unistd.h>

#include <iostream>

#include "base/log.h"
#include "common/cli.h"
#include "common/memory.h"
#include "common/settings.h"

namespace {

constexpr const char* kHelp =
    "Label texts with a classifier: one line per text, label, probability and text.\n"
    "Texts are arguments, a file (--input), or lines on standard input; files of any size. A\n"
    "model trained on pairs of texts takes two arguments at a time, or --pair-column.\n\n"
    "  classify --model runs/spam/model \"You won a prize, call now\" \"See you at eight\"\n"
    "  classify --model runs/spam/model --input messages.csv --text-column body > labels.tsv\n"
    "  classify --model runs/spam/model --input messages.tsv --evaluate\n\n"
    "A row that cannot be read (too few columns, bytes that are not UTF-8, over 16 MB ...) is\n"
    "named on standard error and skipped, with --strict an error.\n\n"
    "Fewer false alarms: spam only where its probability is at least 0.9.\n"
    "  classify --model runs/spam/model --positive spam --threshold 0.9 --input messages.tsv\n\n"
    "Multi-label models (problem_type in config.json): the labels from their threshold on, and "
    "all\n"
    "probabilities. Regressions: the values. --evaluate: labels with commas between, or numbers.\n"
    "  classify --model toxic --threshold 0.4 --thresholds threat=0.2 --input comments.txt\n\n"
    "Why: what each token adds to the label's log-odds, as colours, numbers (--json) or a page.\n"
    "Of a multi-label model, of its likeliest label. A text of n tokens costs n + 1 runs; "
    "--explain-method gradient costs two, and guesses.\n"
    "  classify --model runs/spam/model --explain --html why.html \"You won a prize, call now\"\n\n"
    "Without finetuning: a language model sees K labelled examples (0: an instruction alone).\n"
    "  classify --model smollm2-135m-instruct --labels spam,ham --examples messages.tsv \\\n"
    "           --shots 8 --calibrate \"You won a prize, call now\"";

}  // namespace

int main(int argc, char** argv) {
  gptkit::give_back_freed_blocks(4 << 20);  // lower costs speed
  return gptkit::run_app("classify", [&] {
    gptkit::CommonOptions common;
    std::vector<gptkit::ConfigOverride> typed;
    std::vector<std::string> texts;
    CLI::App app(kHelp, "classify");
    app.add_option("texts", texts, "texts to classify")->type_name("TEXT");
    gptkit::add_config_options(app, common);
    gptkit::add_settings(app, gptkit::ClassifyConfig{}, typed, {{"model", "-m"}, {"input", "-i"}});
    gptkit::parse(app, argc, argv);

    const auto config = gptkit::typed_config<gptkit::ClassifyConfig>(common, typed);
    if (!config) return;
    gptkit::run_classify(*config,
                         {.texts = texts,
                          .json = common.json,
                          .threads = common.threads,
                          .input = STDIN_FILENO,
                          .colours = gptkit::shows_colours(STDOUT_FILENO)},
                         std::cout);
  });
}
