// evaluate: figures of a language model.
//   evaluate perplexity --model runs/mine/model book.txt
//   evaluate few-shot --model smollm2-135m-instruct --examples messages.tsv --test messages.tsv

#include "tasks/evaluate/evaluate.h"

#include <iostream>

#include "common/cli.h"
#include "common/settings.h"

namespace {

constexpr const char* kPerplexityHelp =
    "How well a model predicts texts: mean loss per token, perplexity, bits per character. Each\n"
    "text begins with the model's first token where its tokenizer puts one (Llama).\n\n"
    "  evaluate perplexity --model runs/mine/model book.txt";

constexpr const char* kFewShotHelp =
    "How well a model that was not trained to labels texts when shown k examples, for several k:\n"
    "a table, with --json one object with precision, recall, F1 and confusion for each k. Test\n"
    "rows with the text of an example are left out, so both files may be the same.\n\n"
    "  evaluate few-shot --model smollm2-135m-instruct --labels spam,ham --calibrate \\\n"
    "           --examples messages.tsv --test messages.tsv --shots 0,2,4,8 --rows 200";

}  // namespace

int main(int argc, char** argv) {
  return gptkit::run_app("evaluate", [&] {
    CLI::App app("Measure a language model.", "evaluate");
    app.require_subcommand(1);
    std::vector<std::string> files;
    gptkit::ConfiguredCommand<gptkit::PerplexityConfig> perplexity;
    perplexity.add(app, "perplexity", kPerplexityHelp, {{"model", "-m"}});
    perplexity.app->add_option("files", files, "text files, folders, globs, or token shards")
        ->required()
        ->type_name("FILE");
    gptkit::ConfiguredCommand<gptkit::FewShotEvaluationConfig> few_shot;
    few_shot.add(app, "few-shot", kFewShotHelp, {{"model", "-m"}});
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
