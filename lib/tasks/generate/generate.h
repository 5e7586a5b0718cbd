#pragma once
// What the generate program does: one prompt, one or several continuations.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/config.h"
#include "infer/generator.h"

namespace gptkit {

struct GenerateConfig {
  NameOrPath model;
  std::string prompt;
  std::filesystem::path prompt_file;
  int64_t max_new_tokens = 100;
  double temperature = 0.8;
  int64_t top_k = 50;
  double top_p = 1;
  double min_p = 0;
  double repetition_penalty = 1;
  int64_t num_return_sequences = 1;
  std::vector<std::string> stop;
  bool ignore_end = false;
  bool truncate_prompt = false;
  bool chat = false;
  std::string input;
  std::optional<std::string> system;
  int64_t seed = 123;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(GenerateConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("prompt", c.prompt, "text to continue");
  visit("prompt_file", c.prompt_file, "file whose bytes are the prompt; - is standard input");
  visit("max_new_tokens", c.max_new_tokens, "stop after this many tokens");
  visit("temperature", c.temperature, "0 is greedy; higher is more surprising");
  visit("top_k", c.top_k, "choose among the k most likely tokens; 0: all");
  visit("top_p", c.top_p, "choose among the fewest tokens that reach this probability; 1: all");
  visit("min_p", c.min_p, "drop tokens less likely than this times the likeliest; 0: none");
  visit("repetition_penalty", c.repetition_penalty, "over 1 makes tokens seen already less likely");
  visit("num_return_sequences", c.num_return_sequences,
        "continuations, seeded seed, seed + 1, ...");
  visit("stop", c.stop, "end before this text");
  visit("ignore_end", c.ignore_end, "go on after an end-of-text token");
  visit("truncate_prompt", c.truncate_prompt, "cut the beginning of a prompt that is too long");
  visit("chat", c.chat, "wrap the prompt in the model's own chat template");
  visit("input", c.input, "with --chat: the instruction's input");
  visit("system", c.system, "with --chat: the system message, instead of the model's own");
  visit("seed", c.seed, "of the sampling; -1: a new one");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// Fails for values out of range, before any model is loaded.
void validate(const GenerateConfig& config);

struct GenerateEvents {
  std::function<void(const std::string& prompt)> on_prompt;  ///< before each continuation
  OnText on_text;                                            ///< each new piece of it
  std::function<void(const std::string& prompt, const Generation&)> on_done;
};

/// Loads the model and continues the prompt num_return_sequences times.
void run_generate(const GenerateConfig& config, int threads, const GenerateEvents& events);

}  // namespace gptkit
