#include "infer/constraint/constraint.h"

#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "infer/constraint/json_schema.h"
#include "infer/constraint/regex.h"
#include "infer/constraint/threads.h"
#include "infer/constraint/token_trie.h"

namespace gptkit {

namespace {

/// The vocabulary of the single bytes: what does not depend on a tokenizer is counted with it.
const TokenTrie& all_bytes() {
  static const TokenTrie trie = [] {
    std::vector<std::string> bytes;
    for (int b = 0; b < 256; ++b) bytes.emplace_back(1, static_cast<char>(b));
    return TokenTrie(std::move(bytes));
  }();
  return trie;
}

/// Names the place in an error that the grammar itself reports (its size).
template <class Build>
Constraint located(const std::string& where, Build&& build) {
  try {
    return build();
  } catch (const Error& error) {
    const std::string_view message = error.what();
    if (message.starts_with(where)) throw;
    fail(where, ": ", message);
  }
}

}  // namespace

Constraint::Constraint(ByteGrammar grammar, const std::string& where, bool free_names)
    : grammar_(std::make_shared<const ByteGrammar>(std::move(grammar))),
      where_(where),
      free_names_(free_names) {
  const ThreadReader reader(*grammar_, shortest_ends(*grammar_, all_bytes()));
  const auto start = reader.start();
  require(
      start.can_end(), where,
      ": no text fits: a class has no characters, a schema needs itself, or its values are nested "
      "deeper than ",
      ThreadReader::kMostDepth);
  shortest_bytes_ = start.tokens;
}

Constraint Constraint::choices(std::span<const std::string> texts, const std::string& where) {
  require(!texts.empty(), where, ": no choices; give at least one text");
  for (const auto& text : texts) {
    require(!text.empty(), where, ": a choice is empty; leave it out");
    require(is_valid_utf8(text), where, ": a choice is not valid UTF-8");
  }
  return located(where, [&] {
    ByteGrammar grammar;
    grammar.start_at(grammar.texts(texts, grammar.end()));
    return Constraint(std::move(grammar), where);
  });
}

Constraint Constraint::regex(std::string_view pattern, const std::string& where) {
  return located(where, [&] {
    const auto parsed = parse_regex(pattern, where);
    ByteGrammar grammar;
    const auto character = [&grammar](const CharacterSet& set, StateId next) {
      return grammar.character(set, next);
    };
    grammar.start_at(add_whole_match(grammar, parsed, character, grammar.end()));
    return Constraint(std::move(grammar), where);
  });
}

Constraint Constraint::json_schema(const OrderedJson& schema, const std::string& where) {
  return located(where, [&] {
    auto json = json_schema_grammar(schema, where);
    return Constraint(std::move(json.grammar), where, json.free_names);
  });
}

Constraint Constraint::json_schema_text(std::string_view schema, const std::string& where) {
  return json_schema(parse_json_ordered(schema, where), where);
}

std::optional<Constraint> make_constraint(const ConstraintOptions& options,
                                          const std::string& section) {
  const auto key = [&section](const char* name) {
    return section.empty() ? std::string(name) : section + "." + name;
  };
  const auto with_key = [&key](const char* name, auto&& make) -> Constraint {
    try {
      return make("`" + key(name) + "`");
    } catch (const Error& error) {
      throw Error(error.kind(), error.what(), key(name));
    }
  };
  const int given =
      !options.choices.empty() + !options.regex.empty() + !options.json_schema.empty();
  require(given <= 1, Key{key("choices")}, ", ", Key{key("regex")}, " and ",
          Key{key("json_schema")}, " exclude each other; give one");
  if (!options.choices.empty()) {
    return with_key("choices",
                    [&](const auto& w) { return Constraint::choices(options.choices, w); });
  }
  if (!options.regex.empty()) {
    return with_key("regex", [&](const auto& w) { return Constraint::regex(options.regex, w); });
  }
  if (!options.json_schema.empty()) {
    return with_key("json_schema", [&](const auto& w) {
      return Constraint::json_schema_text(options.json_schema, w);
    });
  }
  return std::nullopt;
}

}  // namespace gptkit
