// generate: continue a prompt with a language model.
//   generate --model runs/mine/model --prompt "Every effort moves you"

#include "tasks/generate/generate.h"

#include <iostream>

#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "common/cli.h"
#include "common/settings.h"

int main(int argc, char** argv) {
  return gptkit::run_app("generate", [&] {
    gptkit::CommonOptions common;
    std::vector<gptkit::ConfigOverride> typed;
    CLI::App app(
        "Continue a prompt with a language model; the text appears as it is decoded.\n\n"
        "  generate --model runs/mine/model --prompt \"Every effort moves you\"\n"
        "  generate -m gpt2 -f letter.txt -n 300 --temp 0.7 --top-p 0.9",
        "generate");
    gptkit::add_config_options(app, common);
    gptkit::add_settings(app, gptkit::GenerateConfig{}, typed,
                         {{"model", "-m"},
                          {"prompt", "-p"},
                          {"prompt_file", "-f"},
                          {"max_new_tokens", "-n"},
                          {"temperature", "--temp"}});
    gptkit::parse(app, argc, argv);

    const auto config = gptkit::typed_config<gptkit::GenerateConfig>(common, typed);
    if (!config) return;
    gptkit::GenerateEvents events;
    if (common.json) {
      events.on_done = [](const std::string& prompt, const gptkit::Generation& result) {
        const gptkit::OrderedJson row = {{"prompt", prompt},
                                         {"text", result.text},
                                         {"token_ids", result.token_ids},
                                         {"new_tokens", result.token_ids.size()},
                                         {"finish_reason", to_string(result.finish_reason)},
                                         {"tokens_per_second", result.tokens_per_second()}};
        std::cout << gptkit::dump_json(row) << std::endl;
      };
    } else {
      // An answer stands alone; a continuation reads on from its prompt.
      if (!config->chat) events.on_prompt = [](const std::string& prompt) { std::cout << prompt; };
      events.on_text = [](std::string_view text) {
        std::cout << text << std::flush;
        return true;
      };
      events.on_done = [](const std::string&, const gptkit::Generation& result) {
        std::cout << std::endl;
        gptkit::log_info("[", result.token_ids.size(), " tokens, ", result.tokens_per_second(),
                         " tokens/s, ended by ", to_string(result.finish_reason), "]");
      };
    }
    try {
      gptkit::run_generate(*config, common.threads, events);
    } catch (const gptkit::Stopped&) {
      if (!common.json) std::cout << std::endl;  // the text ends here
      throw;
    }
  });
}
