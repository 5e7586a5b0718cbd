#include "infer/constraint/json_schema.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "infer/constraint/json_text.h"
#include "infer/constraint/schema_keywords.h"
#include "infer/constraint/schema_scalars.h"

namespace gptkit {

namespace {

constexpr int kMostDepth = 64;
constexpr std::size_t kMostProperties = 1'000;

/// A part of the document: a schema (or true, false), where it stands, and whether a value of it
/// begins where the value of the definition around it does, so that a $ref could call for ever.
struct Part {
  const OrderedJson& schema;
  std::string place;
  bool leads = false;
  int depth = 0;

  Part inside(const OrderedJson& other, std::string other_place, bool still_leads = false) const {
    return {other, std::move(other_place), leads && still_leads, depth + 1};
  }
};

class SchemaGrammar {
 public:
  SchemaGrammar(const OrderedJson& root, const std::string& where) : root_(root), where_(where) {}

  JsonGrammar build() {
    const auto start = refer("#", where_ + ": #/$ref");
    while (!waiting_.empty()) {
      current_ = waiting_.back();
      waiting_.pop_back();
      define(current_);
    }
    refuse_loops();
    grammar_.start_at(grammar_.repeat(start, 1, 1, grammar_.end()));
    return {std::move(grammar_), free_names_};
  }

 private:
  struct Definition {
    StateId start = 0;
    std::set<std::string> leads_to;  // those that its values may begin with
  };

  /// The states of the schema that a pointer names, made later.
  StateId refer(const std::string& pointer, const std::string& place) {
    const auto [known, added] = definitions_.try_emplace(pointer);
    if (added) {
      resolve(pointer, place);
      known->second.start = grammar_.reserve();
      waiting_.push_back(pointer);
    }
    return known->second.start;
  }

  void define(const std::string& pointer) {
    const auto& schema = resolve(pointer, where_);
    const auto body = value({schema, where_ + ": " + pointer, true, 0}, grammar_.end());
    grammar_.resolve(definitions_[pointer].start, {body});
  }

  const OrderedJson& resolve(const std::string& pointer, const std::string& place) const {
    const OrderedJson* at = &root_;
    for (std::size_t begin = 1; begin < pointer.size();) {
      const auto end = std::min(pointer.find('/', begin + 1), pointer.size());
      const auto name = unescaped(pointer.substr(begin + 1, end - begin - 1));
      const auto found = at->is_object() ? at->find(name) : at->end();
      if (found == at->end())
        fail(place, ": there is no '", printable(pointer, 80), "' in the schema");
      at = &*found;
      begin = end;
    }
    return *at;
  }

  static std::string unescaped(std::string text) {
    for (const auto& [code, character] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
      for (std::size_t i = text.find(code); i != text.npos; i = text.find(code, i + 1)) {
        text.replace(i, 2, character);
      }
    }
    return text;
  }

  /// A definition that begins with itself would call itself without reading anything. What is left
  /// after taking away those that begin with none that is left, goes round.
  void refuse_loops() {
    for (bool removed = true; removed;) {
      removed = false;
      for (auto it = definitions_.begin(); it != definitions_.end();) {
        const auto& leads = it->second.leads_to;
        const bool ends =
            std::none_of(leads.begin(), leads.end(),
                         [this](const std::string& other) { return definitions_.contains(other); });
        removed = removed || ends;
        it = ends ? definitions_.erase(it) : std::next(it);
      }
    }
    if (definitions_.empty()) return;
    fail(where_, ": ", printable(definitions_.begin()->first, 80),
         " refers to itself without an array or object between; such a schema has no values");
  }

  StateId value(const Part& part, StateId next) {
    if (part.depth > kMostDepth) {
      fail(where_, ": the schema is nested deeper than ", kMostDepth, " levels");
    }
    if (part.schema.is_boolean()) {
      if (!part.schema.get<bool>())
        fail(part.place, " is false, which no value fits; leave it out");
      return anything(next);
    }
    const SchemaKeywords keywords(part.schema, part.place);
    if (keywords.has("$ref")) return reference(part, keywords, next);
    if (keywords.has("const") || keywords.has("enum")) return constants(keywords, next);
    for (const auto* name : {"anyOf", "oneOf", "allOf"}) {
      if (keywords.has(name)) return alternatives(part, keywords, name, next);
    }
    const auto types = keywords.types();
    if (types.empty()) return anything(next);
    std::vector<StateId> ways;
    for (const auto& type : types) ways.push_back(typed(type, part, keywords, next));
    return grammar_.split(std::move(ways));
  }

  void refuse_beside(const SchemaKeywords& keywords, std::vector<std::string_view> allowed) {
    const auto other = keywords.constraint_beside(allowed);
    if (other.empty()) return;
    keywords.refuse(allowed.front(), " together with ", other, " is not supported");
  }

  StateId reference(const Part& part, const SchemaKeywords& keywords, StateId next) {
    refuse_beside(keywords, {"$ref"});
    const auto pointer = *keywords.text("$ref");
    if (pointer != "#" && !pointer.starts_with("#/")) {
      fail(keywords.place("$ref"), " is '", printable(pointer, 80),
           "'; expected #, #/$defs/NAME or #/definitions/NAME");
    }
    const auto start = refer(pointer, keywords.place("$ref"));
    if (part.leads) definitions_[current_].leads_to.insert(pointer);
    return grammar_.repeat(start, 1, 1, next);
  }

  StateId alternatives(const Part& part, const SchemaKeywords& keywords, const std::string& name,
                       StateId next) {
    refuse_beside(keywords, {name});
    const auto& members = keywords.list(name);
    if (name == "allOf" && members.size() > 1) {
      keywords.refuse("allOf with ", members.size(),
                      " schemas is not supported; write them as one");
    }
    std::vector<StateId> ways;
    for (std::size_t i = 0; i < members.size(); ++i) {
      const auto place = keywords.place(name) + "/" + std::to_string(i);
      ways.push_back(value(part.inside(members[i], place, true), next));
    }
    return grammar_.split(std::move(ways));
  }

  /// The values of const or enum that `type` allows.
  StateId constants(const SchemaKeywords& keywords, StateId next) {
    const std::string name = keywords.has("const") ? "const" : "enum";
    refuse_beside(keywords, {name, "type"});
    const auto values =
        name == "const" ? OrderedJson::array({*keywords.find(name)}) : keywords.list(name);
    const auto types = keywords.types();
    std::vector<std::string> texts;
    for (const auto& value : values) {
      if (types.empty() || fits(value, types)) texts.push_back(dump_json(value));
    }
    if (texts.empty()) keywords.refuse("no value of ", name, " has the type ", join(types, " or "));
    return grammar_.texts(texts, next);
  }

  static bool fits(const OrderedJson& value, const std::vector<std::string>& types) {
    const auto whole = [&value] {
      return value.is_number_integer() ||
             (value.is_number() && std::trunc(value.get<double>()) == value.get<double>());
    };
    return std::any_of(types.begin(), types.end(), [&](const std::string& type) {
      return (type == "string" && value.is_string()) || (type == "number" && value.is_number()) ||
             (type == "integer" && whole()) || (type == "boolean" && value.is_boolean()) ||
             (type == "null" && value.is_null()) || (type == "object" && value.is_object()) ||
             (type == "array" && value.is_array());
    });
  }

  StateId typed(const std::string& type, const Part& part, const SchemaKeywords& keywords,
                StateId next) {
    if (type == "string") return schema_string(json_, keywords, next);
    if (type == "number") return schema_number(json_, keywords, next);
    if (type == "integer") return schema_integer(json_, keywords, next);
    if (type == "null") return grammar_.literal("null", next);
    if (type == "object") return grammar_.repeat(object(part, keywords), 1, 1, next, true);
    if (type == "array") return grammar_.repeat(array(part, keywords), 1, 1, next, true);
    return grammar_.split({grammar_.literal("true", next), grammar_.literal("false", next)});
  }

  struct Property {
    std::string name;
    Part part;
    bool required = false;
  };

  /// The properties in the order of the schema.
  std::vector<Property> properties(const Part& part, const SchemaKeywords& keywords) {
    std::vector<Property> all;
    if (const auto* const members = keywords.find("properties")) {
      if (!members->is_object()) fail(keywords.place("properties"), ": expected an object");
      if (members->size() > kMostProperties) {
        fail(keywords.place("properties"), ": ", members->size(), " properties; at most ",
             kMostProperties, " are supported");
      }
      for (const auto& [name, schema] : members->items()) {
        const auto place = keywords.place("properties") + "/" + printable(name, 60);
        all.push_back({name, part.inside(schema, place)});
      }
    }
    return all;
  }

  void mark_required(const Part& part, const SchemaKeywords& keywords,
                     std::vector<Property>& properties, const Part* additional) {
    if (!keywords.has("required")) return;
    const auto& names = *keywords.find("required");
    if (!names.is_array()) fail(keywords.place("required"), ": expected a list of names");
    for (const auto& name : names) {
      if (!name.is_string()) fail(keywords.place("required"), ": expected a list of names");
      const auto text = name.get<std::string>();
      const auto found = std::find_if(properties.begin(), properties.end(),
                                      [&text](const Property& p) { return p.name == text; });
      if (found != properties.end()) {
        found->required = true;
      } else if (additional) {
        properties.push_back({text, part.inside(additional->schema, additional->place), true});
      } else {
        fail(keywords.place("required"), ": '", printable(text, 60), "' is not in properties");
      }
    }
  }

  /// The body of an object, up to its end. Of each property two states: nothing stands in front of
  /// it, or something does, so a comma has to follow.
  StateId object(const Part& part, const SchemaKeywords& keywords) {
    auto all = properties(part, keywords);
    const auto* const more = keywords.find("additionalProperties");
    static const OrderedJson kAnything = true;
    std::optional<Part> additional;
    const bool open =
        more ? !(more->is_boolean() && !more->get<bool>()) : !keywords.has("properties");
    if (open) {
      additional.emplace(
          part.inside(more ? *more : kAnything, keywords.place("additionalProperties")));
    }
    mark_required(part, keywords, all, additional ? &*additional : nullptr);

    const auto close = grammar_.literal("}", grammar_.end());
    auto first = close, later = close;
    if (additional) std::tie(first, later) = free_members(*additional, all, close);
    for (std::size_t i = all.size(); i-- > 0;) {
      const auto& property = all[i];
      const auto member = value(property.part, later);
      const auto key =
          grammar_.literal(dump_json(OrderedJson(property.name)), json_.separator(':', member));
      const auto comma = json_.separator(',', key);
      later = property.required ? comma : grammar_.split({comma, later});
      first = property.required ? key : grammar_.split({key, first});
    }
    return grammar_.literal("{", first);
  }

  /// Any number of members with other names than the properties'.
  std::pair<StateId, StateId> free_members(const Part& additional,
                                           const std::vector<Property>& properties, StateId close) {
    free_names_ = true;
    std::vector<std::string> taken;
    for (const auto& property : properties) taken.push_back(property.name);
    const auto later = grammar_.reserve();
    const auto member = json_.separator(':', value(additional, later));
    const auto name = json_.name_other_than(taken, member);
    grammar_.resolve(later, {json_.separator(',', name), close});
    return {grammar_.split({name, close}), later};
  }

  /// The body of an array, up to its end.
  StateId array(const Part& part, const SchemaKeywords& keywords) {
    if (keywords.boolean("uniqueItems").value_or(false)) {
      fail(keywords.place("uniqueItems"), " is not supported");
    }
    static const OrderedJson kNoItems = OrderedJson::array();
    const auto& fixed = keywords.has("prefixItems") ? keywords.list("prefixItems") : kNoItems;
    const auto n_fixed = static_cast<std::uint32_t>(fixed.size());
    const auto least = keywords.count("minItems").value_or(0);
    auto most = keywords.count("maxItems").value_or(ByteGrammar::kUnbounded);
    const auto rest = rest_of_array(part, keywords);
    if (!rest) most = std::min(most, n_fixed);
    if (least > most) {
      keywords.refuse("no array has at least ", least, " and at most ", most, " elements");
    }

    const auto close = grammar_.literal("]", grammar_.end());
    if (most == 0) return grammar_.literal("[", close);
    if (n_fixed == 0) return grammar_.literal("[", elements(*rest, least, most, close));
    auto later = close;
    if (rest && most > n_fixed) {
      const auto body = json_.separator(',', value(*rest, grammar_.end()));
      const auto above = most == ByteGrammar::kUnbounded ? most : most - n_fixed;
      later = grammar_.repeat(body, least > n_fixed ? least - n_fixed : 0, above, close);
    }
    for (auto i = std::min(n_fixed, most); i-- > 0;) {
      const auto place = keywords.place("prefixItems") + "/" + std::to_string(i);
      const auto element = value(part.inside(fixed[i], place), later);
      const auto with_comma = i > 0 ? json_.separator(',', element) : element;
      later = i >= least ? grammar_.split({with_comma, close}) : with_comma;
    }
    return grammar_.literal("[", later);
  }

  /// Elements of one schema, whose states are made once: arrays in arrays would double them.
  StateId elements(const Part& part, std::uint32_t least, std::uint32_t most, StateId close) {
    StateId first = close;
    if (least <= 1 && most == ByteGrammar::kUnbounded) {
      const auto more = grammar_.reserve();
      first = value(part, more);
      grammar_.resolve(more, {json_.separator(',', first), close});
    } else {
      const auto one = value(part, grammar_.end());
      const auto above = most == ByteGrammar::kUnbounded ? most : most - 1;
      const auto more =
          grammar_.repeat(json_.separator(',', one), least > 1 ? least - 1 : 0, above, close);
      first = grammar_.repeat(one, 1, 1, more);
    }
    return least == 0 ? grammar_.split({first, close}) : first;
  }

  /// The schema of the elements behind prefixItems; nothing when there may be none.
  static std::optional<Part> rest_of_array(const Part& part, const SchemaKeywords& keywords) {
    static const OrderedJson kAnything = true;
    const auto* const items = keywords.find("items");
    if (!items && keywords.has("prefixItems")) return std::nullopt;
    if (!items) return part.inside(kAnything, keywords.place("items"));
    if (items->is_array()) {
      fail(keywords.place("items"), ": a list of schemas is not supported; write prefixItems");
    }
    if (items->is_boolean() && !items->get<bool>()) return std::nullopt;
    return part.inside(*items, keywords.place("items"));
  }

  /// A value without a schema. Its states call themselves for what is inside.
  StateId anything(StateId next) {
    if (!anything_) {
      free_names_ = true;
      anything_ = grammar_.reserve();
      const auto end = grammar_.end();
      const auto call = [this](StateId then) { return grammar_.repeat(*anything_, 1, 1, then); };
      const auto array_end = grammar_.literal("]", end), object_end = grammar_.literal("}", end);
      const auto more_elements = grammar_.reserve(), more_members = grammar_.reserve();
      const auto element = call(more_elements);
      grammar_.resolve(more_elements, {json_.separator(',', element), array_end});
      const auto member = json_.name_other_than({}, json_.separator(':', call(more_members)));
      grammar_.resolve(more_members, {json_.separator(',', member), object_end});
      const auto array = grammar_.literal("[", grammar_.split({element, array_end}));
      const auto object = grammar_.literal("{", grammar_.split({member, object_end}));
      grammar_.resolve(*anything_, {grammar_.repeat(object, 1, 1, end, true),
                                    grammar_.repeat(array, 1, 1, end, true), json_.string(end),
                                    json_.number(end), grammar_.literal("true", end),
                                    grammar_.literal("false", end), grammar_.literal("null", end)});
    }
    return grammar_.repeat(*anything_, 1, 1, next);
  }

  const OrderedJson& root_;
  const std::string& where_;
  ByteGrammar grammar_;
  JsonText json_{grammar_};
  std::map<std::string, Definition> definitions_;  // by pointer
  std::vector<std::string> waiting_;               // to be defined
  std::string current_;                            // being defined
  std::optional<StateId> anything_;
  bool free_names_ = false;
};

}  // namespace

JsonGrammar json_schema_grammar(const OrderedJson& schema, const std::string& where) {
  return SchemaGrammar(schema, where).build();
}

}  // namespace gptkit
