#pragma once
// Strings and numbers of a schema: their keywords as pieces of JSON text.

#include "infer/constraint/json_text.h"
#include "infer/constraint/schema_keywords.h"

namespace gptkit {

/// A value in front of `next`. Fails for keywords that contradict each other or are not supported.
StateId schema_string(JsonText& json, const SchemaKeywords& keywords, StateId next);
StateId schema_number(JsonText& json, const SchemaKeywords& keywords, StateId next);
StateId schema_integer(JsonText& json, const SchemaKeywords& keywords, StateId next);

}  // namespace gptkit
