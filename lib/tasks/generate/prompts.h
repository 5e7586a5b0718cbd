#pragma once
// From what a person gives to generate to the tokens of prompts.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/generate/generate.h"
#include "weights/bundle.h"

namespace gptkit {

/// The prompts of a config: one, or those of its file, in order. Fails naming file and line.
std::vector<std::string> read_prompts(const GenerateConfig& config);

/// The tokens of a prompt, with the chat template if the config asks for it. One that is too long
/// for `context` is cut if the config allows it, else refused.
std::vector<TokenId> encode_prompt(const ModelText& model, const GenerateConfig& config,
                                   const std::string& prompt, int64_t context);

}  // namespace gptkit
