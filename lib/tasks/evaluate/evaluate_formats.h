#pragma once
// evaluate formats: what fewer bits for the weights cost in quality and gain in size and speed. All
// formats run over the same text, window by window, beside the reference.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/config/config.h"
#include "base/json.h"

namespace gptkit {

struct FormatsConfig {
  NameOrPath model;
  std::filesystem::path text;
  std::string formats = "float32,bfloat16,int8,int4,q8_0,q4_0";
  int64_t tokens = 0;
  int64_t context = 0;
  bool allow_special = false;
};

template <class Visitor>
void visit_fields(FormatsConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("text", c.text, "text file or token shard");
  visit("formats", c.formats,
        "formats to compare, the first is the reference: stored, float32, bfloat16, int8, int4, "
        "q8_0, q4_0");
  visit("tokens", c.tokens, "use at most this many tokens of the text; 0: all");
  visit("context", c.context,
        "tokens per window; 0: 1024, or the model's context length if that is less");
  visit("allow_special", c.allow_special, "encode <|endoftext|> in the text as that token");
}

/// {"tokens" that are predicted, "context", "reference", "kernels", "threads", "formats":
/// [{"format", "weights", "loss", "perplexity", "perplexity_change" (relative to the reference),
/// "divergence" (mean KL(reference || format), nats), "divergence_error", "same_top", "bytes" (of
/// weights, read for a token), "decode_tokens_per_second"}]}.
OrderedJson run_formats(const FormatsConfig& config, int threads);
/// The same as a table for people.
std::string formats_table(const OrderedJson& result);

}  // namespace gptkit
