#include "text/end_of_text.h"

#include "base/error.h"

namespace gptkit {

TokenId require_end_of_text(const Tokenizer& tokenizer) {
  const auto end = tokenizer.end_of_text();
  require(end.has_value(),
          "the model's tokenizer has no end-of-text token, which this task needs "
          "to end and pad its texts; train one with <|endoftext|>");
  return *end;
}

}  // namespace gptkit
