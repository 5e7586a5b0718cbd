#pragma once
// JSON Schema (draft 2020-12) as a grammar of compact JSON texts. Members come in the order of the
// schema. Recursion ($ref) and nesting are calls of the grammar, so they need no bound but the
// reader's: 64 arrays and objects inside each other. A keyword that would constrain and is not
// supported is refused with its place.

#include <string>

#include "base/json.h"
#include "infer/constraint/byte_grammar.h"

namespace gptkit {

struct JsonGrammar {
  ByteGrammar grammar;
  bool free_names = false;  // an object may have members that the schema does not name
};

/// Ordered, for the order of the members. Fails with `where` and the place in the schema.
JsonGrammar json_schema_grammar(const OrderedJson& schema, const std::string& where);

}  // namespace gptkit
