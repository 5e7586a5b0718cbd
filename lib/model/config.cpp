#include "model/config.h"

#include <unistd.h>

#include "base/error.h"
#include "base/progress.h"

namespace gptkit {

namespace {

void require_range(const char* name, int64_t value, int64_t low, int64_t high) {
  require(value >= low && value <= high, "model.", name, ": ", value, " is out of range; expected ",
          low, " to ", high);
}

double memory_of_this_machine() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
}

}  // namespace

ModelConfig model_preset(std::string_view name) {
  if (name == "gpt2") return {};
  if (name == "gpt2-medium") return {.n_layer = 24, .n_head = 16, .d_model = 1024};
  if (name == "gpt2-large") return {.n_layer = 36, .n_head = 20, .d_model = 1280};
  if (name == "gpt2-xl") return {.n_layer = 48, .n_head = 25, .d_model = 1600};
  fail("unknown model preset '", name,
       "'; expected gpt2, gpt2-medium, gpt2-large or gpt2-xl (other shapes: set n_layer, n_head, "
       "d_model)");
}

void validate(const ModelConfig& c) {
  // The limits keep every product below within 64 bits; the memory check is the real bound.
  require_range("vocab_size", c.vocab_size, 1, int64_t{1} << 24);
  require_range("context_length", c.context_length, 1, int64_t{1} << 24);
  require_range("n_layer", c.n_layer, 1, 10'000);
  require_range("n_head", c.n_head, 1, 10'000);
  require_range("d_model", c.d_model, 1, int64_t{1} << 20);
  require_range("d_ff", c.d_ff, 0, int64_t{1} << 22);
  require(c.d_model % c.n_head == 0, "model: d_model ", c.d_model, " is not divisible by n_head ",
          c.n_head, "; choose a d_model that is a multiple of n_head");
  require(c.dropout >= 0 && c.dropout < 1, "model.dropout: ", c.dropout,
          " is out of range; expected at least 0 and less than 1");
  require(c.norm_epsilon > 0 && c.norm_epsilon <= 1, "model.norm_epsilon: ", c.norm_epsilon,
          " is out of range; expected more than 0 and at most 1");
  const double bytes = 4.0 * static_cast<double>(parameter_count(c));
  require(bytes < memory_of_this_machine(), "model: ", format_count(parameter_count(c)),
          " parameters need ", format_bytes(bytes), " in float32, more than this machine's ",
          format_bytes(memory_of_this_machine()), "; lower n_layer or d_model");
}

int64_t parameter_count(const ModelConfig& c) {
  const int64_t C = c.d_model, F = c.feed_forward(), V = c.vocab_size;
  const int64_t qkv = 3 * C * C + (c.qkv_bias ? 3 * C : 0);
  const int64_t proj = C * C + C;
  const int64_t mlp = C * F + F + F * C + C;
  const int64_t norm = 2 * C;
  const int64_t block = qkv + proj + mlp + 2 * norm;
  const int64_t head = c.tie_embeddings ? 0 : V * C;
  return V * C + c.context_length * C + c.n_layer * block + norm + head;
}

double forward_flops(const ModelConfig& c, int64_t B, int64_t T) {
  const double C = static_cast<double>(c.d_model), F = static_cast<double>(c.feed_forward());
  const double V = static_cast<double>(c.vocab_size), t = static_cast<double>(T);
  const double block = 2 * (4 * C * C + 2 * C * F) + 2 * 2 * t * C;  // per token
  return static_cast<double>(B) * t * (static_cast<double>(c.n_layer) * block + 2 * V * C);
}

}  // namespace gptkit
