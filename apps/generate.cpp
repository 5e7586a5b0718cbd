// generate: continue a prompt with a language model.
//   generate --model runs/mine/model --prompt "Every effort moves you"

#include "tasks/generate/generate.h"

#include <iostream>

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
    "  generate -m gpt2 -f letter.txt -n 300 --temp 0.7 --top-p 0.9";

void print_json(const std::string& prompt, const Generation& result) {
  const gptkit::OrderedJson row = {{"prompt", prompt},
                                   {"text", result.text},
                                   {"token_ids", result.token_ids},
                                   {"new_tokens", result.token_ids.size()},
                                   {"finish_reason", to_string(result.finish_reason)},
                                   {"tokens_per_second", result.tokens_per_second()}};
  std::cout << gptkit::dump_json(row) << std::endl;
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
    gptkit::log_info("[", result.token_ids.size(), " tokens, ", result.tokens_per_second(),
                     " tokens/s, ended by ", to_string(result.finish_reason), "]");
  };
  return events;
}

void generate(const gptkit::GenerateConfig& config, const gptkit::CommonOptions& common) {
  gptkit::GenerateEvents events;
  if (common.json) {
    events.on_done = print_json;
  } else {
    events = print_text(!config.chat);
  }
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
                                                              {"temperature", "--temp"}});
      });
}
