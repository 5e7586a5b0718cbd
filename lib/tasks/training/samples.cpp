#include "tasks/training/samples.h"

#include "base/error.h"

namespace gptkit {

void require_room(int64_t prompt_tokens, const LanguageModel& model, const std::string& what) {
  const int64_t context = model.gpt->config().context_length;
  require(prompt_tokens > 0 && prompt_tokens <= context, what, " has ", prompt_tokens,
          " tokens; expected 1 to ", context, ", the model's context");
}

}  // namespace gptkit
