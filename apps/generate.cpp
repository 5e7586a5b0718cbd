// generate: continue a prompt with a language model.
//   generate --model runs/mine/model --prompt "Every effort moves you"

#include "tasks/generate/generate.h"

#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "common/program.h"
#include "tasks/doctor/doctor.h"

namespace {

using gptkit::Generation;

constexpr const char* kHelp =
    "Continue a prompt with a language model. The text appears while it is generated. The\n"
    "default is greedy decoding; --temperature above 0 draws tokens at random.\n\n"
    "  generate --model runs/mine/model --prompt \"Every effort moves you\"\n"
    "  generate -m gpt2 -f letter.txt -n 300 --temp 0.7 --top-p 0.9\n"
    "  generate -m gpt2 --input prompts.jsonl --output answers.jsonl --quantize int8\n"
    "  generate -m gpt2 --benchmark --quantize int4";

void print_json(const std::string& prompt, const Generation& result) {
  std::cout << gptkit::dump_json(to_json(prompt, result)) << std::endl;
}

/// The text as it comes. An answer stands alone; a continuation reads on from its prompt.
gptkit::GenerateEvents print_text(bool with_prompt) {
  gptkit::GenerateEvents events;
  if (with_prompt) events.on_prompt = [](const std::string& prompt) { std::cout << prompt; };
  events.on_text = [](std::string_view text) {
    std::cout << text << std::flush;
    return true;
  };
  events.on_done = [](const std::string&, const Generation& result) {
    std::cout << std::endl;
    const auto cached = result.cached_tokens > 0
                            ? gptkit::concat(", ", result.cached_tokens, " prompt tokens cached")
                            : std::string();
    const auto forgotten =
        result.forgotten_tokens > 0
            ? gptkit::concat(", the model no longer saw ", result.forgotten_tokens, " tokens")
            : std::string();
    gptkit::log_info("[", result.token_ids.size(), " tokens, ", result.tokens_per_second(),
                     " tokens/s", cached, forgotten, ", ended by ", to_string(result.finish_reason),
                     "]");
  };
  return events;
}

void generate(const gptkit::GenerateConfig& config, const gptkit::CommonOptions& common) {
  gptkit::require(common.json || !config.output.empty() || config.generation.logprobs == 0,
                  gptkit::Key{"logprobs"},
                  ": log-probabilities are part of the JSON output; give --json, too");
  gptkit::GenerateEvents events;
  if (common.json) {
    events.on_done = print_json;
  } else {
    events = print_text(!config.chat);
  }
  events.on_benchmark = [&](const gptkit::OrderedJson& figures) {
    std::cout << (common.json ? gptkit::dump_json(figures) : figures.dump(2)) << std::endl;
  };
  try {
    gptkit::run_generate(config, common.threads, events);
  } catch (const gptkit::Stopped&) {
    if (!common.json) std::cout << std::endl;  // the text ends here
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  return gptkit::run_program(
      {"generate", kHelp, gptkit::version_details}, argc, argv, [](gptkit::Program& program) {
        program.configured<gptkit::GenerateConfig>(generate, {{"model", "-m"},
                                                              {"prompt", "-p"},
                                                              {"prompt_file", "-f"},
                                                              {"max_new_tokens", "-n"},
                                                              {"temperature", "--temp"},
                                                              {"verbose", "-v"}});
      });
}
