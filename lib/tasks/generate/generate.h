#pragma once
// The generate program: one prompt with one or several continuations, a file of prompts, or a
// measurement of the speed.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config/config.h"
#include "base/json.h"
#include "infer/generator.h"

namespace gptkit {

struct GenerateConfig {
  NameOrPath model;
  std::string prompt;
  std::filesystem::path prompt_file;
  std::filesystem::path input;
  std::filesystem::path output;
  bool resume = false;
  GenerationConfig generation;  // its fields stand beside these
  bool truncate_prompt = false;
  bool chat = false;
  std::string instruction_input;
  std::optional<std::string> system;
  WeightFormat quantize = WeightFormat::kStored;
  CacheKind cache_type = CacheKind::kFloat32;
  int64_t cache_mib = 0;
  bool speculate = false;
  NameOrPath draft_model;
  bool benchmark = false;
  int64_t benchmark_sequences = 1;
  bool verbose = false;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(GenerateConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("prompt", c.prompt, "text to continue");
  visit("prompt_file", c.prompt_file, "file with the prompt; -: standard input");
  visit("input", c.input,
        "file of prompts: .txt, one a line, or .jsonl with \"prompt\"; they run together");
  visit("output", c.output,
        "with `input`: JSONL file for the answers, in the order of the prompts");
  visit("resume", c.resume, "with `output`: keep the answers that are there and add the others");
  visit_fields(c.generation, visit);
  visit("truncate_prompt", c.truncate_prompt, "cut the beginning of a prompt that is too long");
  visit("chat", c.chat, "apply the model's chat template to the prompt");
  visit("instruction_input", c.instruction_input, "with `chat`: input of the instruction");
  visit("system", c.system, "with `chat`: system message; it replaces the template's own");
  visit("quantize", c.quantize,
        "weights in memory: stored (as in the file), float32, bfloat16, int8 or int4; fewer bits "
        "are faster and less exact");
  visit("cache_type", c.cache_type, "keys and values in memory: float32, bfloat16 or int8");
  visit("cache_mib", c.cache_mib,
        "most memory for keys and values, in MiB; 0: half of the memory that is free");
  visit("speculate", c.speculate,
        "guess next tokens from the text so far (n-grams); the text stays the same");
  visit(
      "draft_model", c.draft_model,
      "guess next tokens with this smaller model of the same vocabulary; the text stays the same");
  visit("benchmark", c.benchmark, "measure the speed instead of generating");
  visit("benchmark_sequences", c.benchmark_sequences,
        "with `benchmark`: sequences that decode together");
  visit("verbose", c.verbose, "say how weights are kept and which kernels run");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// Fails for values out of range, before any model is loaded.
void validate(const GenerateConfig& config);

struct GenerateEvents {
  std::function<void(const std::string& prompt)> on_prompt;  ///< before each continuation
  OnText on_text;                                            ///< each new piece of it
  std::function<void(const std::string& prompt, const Generation&)> on_done;
  std::function<void(const OrderedJson&)> on_benchmark;
};

/// Loads the model and does what the config asks for. Events come in the order of the sequences.
void run_generate(const GenerateConfig& config, int threads, const GenerateEvents& events);

/// One answer as programs print it and files hold it.
OrderedJson to_json(const std::string& prompt, const Generation& result);

}  // namespace gptkit
