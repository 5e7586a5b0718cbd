#pragma once
// What the evaluate program does.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/json.h"

namespace gptkit {

struct PerplexityConfig {
  NameOrPath model;
  int64_t context = 0;
  int64_t stride = 0;
  int64_t batch_size = 4;
  bool allow_special = false;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(PerplexityConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("context", c.context, "tokens per window; 0: the model's context");
  visit("stride", c.stride, "tokens each window adds; 0: the window, without overlap");
  visit("batch_size", c.batch_size, "windows at once");
  visit("allow_special", c.allow_special, "<|endoftext|> in the text becomes that token");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// {"tokens", "loss", "perplexity", and for text: "characters", "bits_per_character"}.
OrderedJson run_perplexity(const PerplexityConfig& config,
                           const std::vector<std::filesystem::path>& files, int threads);

}  // namespace gptkit
