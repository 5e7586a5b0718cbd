#include "tasks/evaluate/evaluate.h"

#include <torch/types.h>

#include <numbers>

#include "base/error.h"
#include "base/stop.h"
#include "data/corpus/corpus.h"
#include "eval/perplexity.h"
#include "tensors/device.h"
#include "weights/bundle.h"

namespace gptkit {

OrderedJson run_perplexity(const PerplexityConfig& config,
                           const std::vector<std::filesystem::path>& files, int threads) {
  require(!config.model.empty(), "no model; name a folder or gpt2, gpt2-medium ... with ",
          Key{"model"});
  require(config.context >= 0, Key{"context"}, ": ", config.context,
          " is out of range; expected 0 or more");
  require(config.stride >= 0, Key{"stride"}, ": ", config.stride,
          " is out of range; expected 0 or more");
  require(config.batch_size >= 1, Key{"batch_size"}, ": ", config.batch_size,
          " is out of range; expected at least 1");
  const auto device = resolve_device(config.device);
  set_threads(threads);
  auto model = load_language_model(config.model.text);
  const auto corpus = load_corpus({.train = files,
                                   .validation_fraction = 0,
                                   .allow_special = config.allow_special,
                                   .begin_texts = true},
                                  *model.tokenizer);
  torch::InferenceMode inference;
  model.gpt->to(device);
  watch_stop_signals();
  const auto begin = model.tokenizer->begin_of_text();
  const auto result =
      measure_perplexity(model.gpt, corpus.train,
                         {.context = config.context,
                          .stride = config.stride,
                          .batch_size = config.batch_size,
                          .begin = begin,
                          .where = model.where,
                          .begin_also_ends = begin == model.tokenizer->end_of_text()});
  OrderedJson json = {
      {"tokens", result.tokens}, {"loss", result.loss}, {"perplexity", result.perplexity}};
  if (corpus.characters > 0) {
    const double nats = result.loss * static_cast<double>(result.tokens);
    json["characters"] = corpus.characters;
    json["bits_per_character"] = nats / std::numbers::ln2 / static_cast<double>(corpus.characters);
  }
  return json;
}

}  // namespace gptkit
