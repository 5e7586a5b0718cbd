#pragma once
// What a generated text has to be: one of several texts, a match of a regular expression, or a JSON
// value of a schema. Knows bytes only; constraint/constraint_state.h applies it to tokens.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "infer/constraint/byte_grammar.h"

namespace gptkit {

/// Immutable and cheap to copy. Each of the makers fails in one line that begins with `where`.
class Constraint {
 public:
  static Constraint choices(std::span<const std::string> texts, const std::string& where);
  /// The whole text has to match. See constraint/regex.h for what an expression may hold.
  static Constraint regex(std::string_view pattern, const std::string& where);
  /// See constraint/json_schema.h. Ordered, because members come in the order of the schema; `{}`
  /// and true stand for any value.
  static Constraint json_schema(const OrderedJson& schema, const std::string& where);
  static Constraint json_schema_text(std::string_view schema, const std::string& where);

  const ByteGrammar& grammar() const { return *grammar_; }
  const std::string& where() const { return where_; }
  /// Bytes of the shortest text.
  std::int64_t shortest_bytes() const { return shortest_bytes_; }
  /// The text is JSON whose objects may have names that the grammar cannot keep apart.
  bool has_free_names() const { return free_names_; }

 private:
  Constraint(ByteGrammar grammar, const std::string& where, bool free_names = false);

  std::shared_ptr<const ByteGrammar> grammar_;
  std::string where_;
  std::int64_t shortest_bytes_ = 0;
  bool free_names_ = false;
};

/// The settings of GenerationConfig that constrain; at most one is given.
struct ConstraintOptions {
  std::vector<std::string> choices = {};
  std::string regex = {};
  std::string json_schema = {};  // the schema's text
};

/// Nothing when no option is given. Errors carry the option's key; `section` is where the settings
/// stand ("sample"), empty at the top.
std::optional<Constraint> make_constraint(const ConstraintOptions& options,
                                          const std::string& section = {});

}  // namespace gptkit
