#pragma once
// The generate program: one prompt, one or several continuations.

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
  GenerationConfig generation;  // its fields stand beside these
  bool truncate_prompt = false;
  bool chat = false;
  std::string input;
  std::optional<std::string> system;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(GenerateConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("prompt", c.prompt, "text to continue");
  visit("prompt_file", c.prompt_file, "file with the prompt; -: standard input");
  visit_fields(c.generation, visit);
  visit("truncate_prompt", c.truncate_prompt, "cut the beginning of a prompt that is too long");
  visit("chat", c.chat, "apply the model's chat template to the prompt");
  visit("input", c.input, "with `chat`: input of the instruction");
  visit("system", c.system, "with `chat`: system message; it replaces the template's own");
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
