// classify: label texts with a finetuned classifier, or with a language model shown examples.
//   classify --model runs/spam/model "You won a prize, call now" "See you at eight"

#include "tasks/classify/classify.h"

#include <unistd.h>

#include <iostream>

#include "base/log.h"
#include "common/memory.h"
#include "common/program.h"
#include "tasks/doctor/doctor.h"

namespace {

constexpr const char* kHelp =
    "Label texts with a classifier. Prints one line per text: label, probability, text.\n"
    "Texts are arguments, rows of a file of any size (--input), or lines on standard input. A\n"
    "model trained on pairs of texts takes two arguments per pair, or --pair-column.\n\n"
    "  classify --model runs/spam/model \"You won a prize, call now\" \"See you at eight\"\n"
    "  classify --model runs/spam/model --input messages.csv --text-column body > labels.tsv\n"
    "  classify --model runs/spam/model --input messages.tsv --evaluate\n\n"
    "A row that cannot be read (too few columns, bytes that are not UTF-8, over 16 MB ...) is\n"
    "skipped with a warning; with --strict it is an error.\n\n"
    "Fewer false positives: the label is spam only if its probability is at least 0.9.\n"
    "  classify --model runs/spam/model --positive spam --threshold 0.9 --input messages.tsv\n\n"
    "Multi-label models (problem_type in config.json) give each label whose probability reaches\n"
    "its threshold, and all probabilities. Regressions give values. For --evaluate, the label\n"
    "column has labels separated by commas, or numbers.\n"
    "  classify --model toxic --threshold 0.4 --thresholds threat=0.2 --input comments.txt\n\n"
    "Explain a label: how much each token adds to its log-odds, as colours, numbers (--json) or\n"
    "a page (--html). For a multi-label model, this is its likeliest label. A text of n tokens\n"
    "needs n + 1 forward passes; --explain-method gradient needs two and is an approximation.\n"
    "  classify --model runs/spam/model --explain --html why.html \"You won a prize, call now\"\n\n"
    "Without finetuning: a language model gets K labelled examples in its prompt (0: only an\n"
    "instruction).\n"
    "  classify --model smollm2-135m-instruct --labels spam,ham --examples messages.tsv \\\n"
    "           --shots 8 --calibrate \"You won a prize, call now\"";

}  // namespace

int main(int argc, char** argv) {
  gptkit::give_back_freed_blocks(4 << 20);  // lower costs speed
  std::vector<std::string> texts;
  const auto classify = [&](const gptkit::ClassifyConfig& config,
                            const gptkit::CommonOptions& common) {
    gptkit::run_classify(config,
                         {.texts = texts,
                          .json = common.json,
                          .threads = common.threads,
                          .input = STDIN_FILENO,
                          .colours = gptkit::shows_colours(STDOUT_FILENO)},
                         std::cout);
  };
  return gptkit::run_program(
      {"classify", kHelp, gptkit::version_details}, argc, argv, [&](gptkit::Program& program) {
        program.app().add_option("texts", texts, "texts to classify")->type_name("TEXT");
        program.configured<gptkit::ClassifyConfig>(classify, {{"model", "-m"}, {"input", "-i"}});
      });
}
