#pragma once
// `sample:`: a prompt that the model continues at intervals during training.

#include <cstdint>
#include <string>

#include "infer/generator.h"
#include "weights/bundle.h"

namespace gptkit {

struct SampleConfig {
  std::string prompt;
  bool every_evaluation = false;
  GenerationConfig generation;  // its fields stand beside these
};

template <class Visitor>
void visit_fields(SampleConfig& c, Visitor&& visit) {
  visit("prompt", c.prompt, "text to continue after each epoch; empty: no samples");
  visit("every_evaluation", c.every_evaluation,
        "write samples at every evaluation instead of after every epoch");
  visit_fields(c.generation, visit);
}

/// Fails unless a prompt of `prompt_tokens` tokens fits the model. `what` begins the message.
void require_room(int64_t prompt_tokens, const LanguageModel& model, const std::string& what);

}  // namespace gptkit
