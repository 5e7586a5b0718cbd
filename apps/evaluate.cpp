// evaluate: metrics of a language model.
//   evaluate perplexity --model runs/mine/model book.txt
//   evaluate few-shot --model smollm2-135m-instruct --examples messages.tsv --test messages.tsv
//   evaluate formats --model smollm2-135m-instruct --text book.txt

#include "tasks/evaluate/evaluate.h"

#include <iostream>

#include "common/program.h"
#include "tasks/doctor/doctor.h"
#include "tasks/evaluate/evaluate_formats.h"

namespace {

constexpr const char* kPerplexityHelp =
    "Measure how well a model predicts texts: mean loss per token, perplexity, bits per\n"
    "character. Each text begins with the tokenizer's begin-of-text token if it adds one (Llama).\n"
    "\n"
    "  evaluate perplexity --model runs/mine/model book.txt";

constexpr const char* kFewShotHelp =
    "Measure how well a language model labels texts with k examples in its prompt, for several\n"
    "k. Prints a table; --json prints precision, recall, F1 and the confusion matrix for each k.\n"
    "Test rows that are also examples are left out, so both files may be the same.\n\n"
    "  evaluate few-shot --model smollm2-135m-instruct --labels spam,ham --calibrate \\\n"
    "           --examples messages.tsv --test messages.tsv --shots 0,2,4,8 --rows 200";

constexpr const char* kFormatsHelp =
    "Measure what weights with fewer bits cost: perplexity, KL divergence from the first format\n"
    "with its standard error, share of equal top tokens; bytes and decoding speed. All formats "
    "are\n"
    "in memory at once and read the text together.\n\n"
    "int8 and int4 are gptkit's own formats (generate --quantize), q8_0 and q4_0 those of\n"
    "llama.cpp; q4_0 and int4 keep the head in 8 bits.\n\n"
    "  evaluate formats --model smollm2-135m-instruct --text book.txt --tokens 20000\n"
    "  evaluate formats --model model.gguf --text book.txt --formats stored,int4";

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files;
  const auto perplexity = [&](const gptkit::PerplexityConfig& config,
                              const gptkit::CommonOptions& common) {
    const std::vector<std::filesystem::path> paths(files.begin(), files.end());
    std::cout << gptkit::dump_json(gptkit::run_perplexity(config, paths, common.threads)) << '\n';
  };
  const auto few_shot = [](const gptkit::FewShotEvaluationConfig& config,
                           const gptkit::CommonOptions& common) {
    const auto result = gptkit::run_few_shot_evaluation(config, common.threads);
    std::cout << (common.json ? gptkit::dump_json(result) + "\n" : gptkit::few_shot_table(result));
  };
  const auto formats = [](const gptkit::FormatsConfig& config,
                          const gptkit::CommonOptions& common) {
    const auto result = gptkit::run_formats(config, common.threads);
    std::cout << (common.json ? gptkit::dump_json(result) + "\n" : gptkit::formats_table(result));
  };
  return gptkit::run_program(
      {"evaluate", "Measure a language model.", gptkit::version_details}, argc, argv,
      [&](gptkit::Program& program) {
        program
            .command<gptkit::PerplexityConfig>("perplexity", kPerplexityHelp, perplexity,
                                               {{"model", "-m"}})
            .app->add_option("files", files, "text files, folders, globs, or token shards")
            ->required()
            ->type_name("FILE");
        program.command<gptkit::FewShotEvaluationConfig>("few-shot", kFewShotHelp, few_shot,
                                                         {{"model", "-m"}});
        program.command<gptkit::FormatsConfig>("formats", kFormatsHelp, formats, {{"model", "-m"}});
      });
}
