#include "infer/constraint/json_schema.h"

#include "base/files.h"
#include "infer/constraint/constraint_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::accepts;
using test::expect_error;
using test::with_bytes;

std::shared_ptr<const TokenConstraint> of(std::string_view schema) {
  return with_bytes(Constraint::json_schema_text(schema, "json_schema"));
}

void expect_refused(const std::string& schema, const std::string& part) {
  SCOPED_TRACE(schema.substr(0, 200));
  const test::ProcessorTime time;
  expect_error([&] { of(schema); }, part);
  expect_error([&] { of(schema); }, "json_schema: ");
  EXPECT_LT(time.seconds(), 2 * test::kAtOnce);
}

/// tests/golden/make_constraint_golden.py: schemas of ours with texts that Python's json and
/// jsonschema take and refuse.
TEST(JsonSchema, AcceptsAndRefusesTheTextsOfTheGoldenFile) {
  const auto golden = parse_json_ordered(
      read_file(std::string(GPTKIT_SOURCE_DIR) + "/tests/golden/constraints.json"), "golden");
  int texts = 0;
  for (const auto& example : golden) {
    const auto constraint = with_bytes(Constraint::json_schema(example["schema"], "json_schema"));
    for (const auto& text : example["valid"]) {
      EXPECT_TRUE(accepts(constraint, text.get<std::string>())) << example["schema"] << "\n"
                                                                << text;
      ++texts;
    }
    for (const auto& text : example["invalid"]) {
      EXPECT_FALSE(accepts(constraint, text.get<std::string>())) << example["schema"] << "\n"
                                                                 << text;
      ++texts;
    }
  }
  EXPECT_GT(texts, 1000);
}

TEST(JsonSchema, WritesCompactJsonWithAtMostOneBlankBehindSeparators) {
  const auto object = of(R"({"properties": {"b": {"type": "integer"}, "a": {"type": "null"}}})");
  for (const auto* text :
       {R"({"b":1,"a":null})", R"({"b": 1, "a": null})", R"({"a":null})", "{}"}) {
    EXPECT_TRUE(accepts(object, text)) << text;
  }
  for (const auto* text : {R"({"a":null,"b":1})", R"({"b":  1})", R"({ "b":1})", R"({"b" :1})",
                           " {}", "{} ", "{\n}", R"({"b":1,})", R"({"b":1,"b":2})", R"({"c":1})"}) {
    EXPECT_FALSE(accepts(object, text)) << text;
  }
}

TEST(JsonSchema, FreeMembersDoNotRepeatTheNamedOnes) {
  const auto object = of(R"({"properties": {"name": {"type": "integer"}, "né": {"type": "null"}},
                             "required": ["name", "free"],
                             "additionalProperties": {"type": "string"}})");
  for (const auto* text :
       {R"({"name":1,"free":""})", R"({"name":1,"free":"","nam":"x","namee":"","n":""})",
        R"({"name":1,"né":null,"free":"","":"","né?":""})"}) {
    EXPECT_TRUE(accepts(object, text)) << text;
  }
  for (const auto* text :
       {R"({"name":1})", R"({"name":1,"free":"","name":""})", R"({"name":1,"free":"","né":""})",
        R"({"name":1,"free":"","x":1})", R"({"name":1,"free":"","\u006eame":""})"}) {
    EXPECT_FALSE(accepts(object, text)) << text;
  }
}

TEST(JsonSchema, NamesDoNotRepeatInAnObject) {
  const auto any = of("{}");
  for (const auto* text :
       {R"({"a":1,"b":{"a":2,"b":3},"ab":[{"a":1},{"a":1}],"":0})", R"({"a":"a","b":"a"})"}) {
    EXPECT_TRUE(accepts(any, text)) << text;
  }
  for (const auto* text : {R"({"a":1,"a":1})", R"({"a":{"a":1},"b":[],"a":1})", R"({"":1,"":1})",
                           R"([{"x":{"b":1,"c":2,"b":3}}])"}) {
    EXPECT_FALSE(accepts(any, text)) << text;
  }
}

TEST(JsonSchema, BoundsOfIntegersAreExact) {
  const std::vector<std::pair<int, int>> ranges = {{0, 9},    {0, 0},      {-5, 5},    {7, 7},
                                                   {10, 99},  {95, 1204},  {-130, -8}, {-1, 1000},
                                                   {-999, 0}, {199, 2001}, {-11, -11}};
  for (const auto& [least, most] : ranges) {
    const auto integer =
        of(concat(R"({"type": "integer", "minimum": )", least, R"(, "maximum": )", most, "}"));
    for (int i = -2100; i <= 2100; ++i) {
      ASSERT_EQ(accepts(integer, std::to_string(i)), i >= least && i <= most)
          << i << " of " << least << " to " << most;
    }
    for (const auto* text : {"00", "01", "-0", "-01", "+1", "1.0", "1e1", "", "-"}) {
      EXPECT_FALSE(accepts(integer, text)) << text;
    }
  }
  const auto exclusive =
      of(R"({"type": "integer", "exclusiveMinimum": 2, "exclusiveMaximum": 5.5})");
  for (int i = 0; i < 9; ++i)
    EXPECT_EQ(accepts(exclusive, std::to_string(i)), i > 2 && i <= 5) << i;
}

TEST(JsonSchema, BoundsOfNumbersAreExact) {
  struct Bounds {
    const char* schema;
    double least, most;
    bool above, below;
  };
  const std::vector<Bounds> all = {
      {R"({"type": "number", "minimum": 0, "maximum": 1})", 0, 1, false, false},
      {R"({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})", 0, 1, true, true},
      {R"({"type": "number", "exclusiveMinimum": -2, "maximum": 3})", -2, 3, true, false},
      {R"({"type": "number", "minimum": -2, "exclusiveMaximum": 0})", -2, 0, false, true},
      {R"({"type": "number", "minimum": -2, "maximum": 0})", -2, 0, false, false},
      {R"({"type": "number", "minimum": -3, "exclusiveMaximum": -1})", -3, -1, false, true},
      {R"({"type": "number", "exclusiveMinimum": 2})", 2, 1e15, true, false},
      {R"({"type": "number", "exclusiveMaximum": 2})", -1e15, 2, false, true}};
  for (const auto& bounds : all) {
    const auto number = of(bounds.schema);
    int inside = 0;
    for (int i = -500; i <= 500; ++i) {
      for (const std::string zeros : {"", "0", "000"}) {
        const auto magnitude = std::abs(i);
        const auto text = concat(i < 0 ? "-" : "", magnitude / 100, ".",
                                 magnitude % 100 < 10 ? "0" : "", magnitude % 100, zeros);
        const double value = i / 100.0;
        const bool in = (bounds.above ? value > bounds.least : value >= bounds.least) &&
                        (bounds.below ? value < bounds.most : value <= bounds.most);
        const bool written = accepts(number, text);
        EXPECT_TRUE(!written || in) << bounds.schema << " " << text;
        // Behind an exclusive lower bound, decimals end in another digit than 0.
        EXPECT_TRUE(written == in || text.back() == '0') << bounds.schema << " " << text;
        inside += written;
      }
    }
    EXPECT_GT(inside, 50) << bounds.schema;
  }
}

TEST(JsonSchema, NestsAsDeepAsTheReader) {
  const auto any = of("{}");
  const auto lists = [](int n) {
    return std::string(static_cast<std::size_t>(n), '[') +
           std::string(static_cast<std::size_t>(n), ']');
  };
  EXPECT_TRUE(accepts(any, lists(64)));
  EXPECT_FALSE(accepts(any, lists(65)));
  EXPECT_NO_THROW(parse_json(lists(64), "reader"));
  expect_error([&] { parse_json(lists(65), "reader"); }, "nested deeper");
}

TEST(JsonSchema, ArraysInArraysDoNotDoubleTheStates) {
  for (const std::string bounds : {"", R"("minItems": 2, "maxItems": 3, )"}) {
    std::string schema = R"({"type": "null"})";
    for (int i = 0; i < 25; ++i) schema = concat("{", bounds, R"("items": )", schema, "}");
    EXPECT_LT(Constraint::json_schema_text(schema, "json_schema").grammar().size(), 500u);
  }
}

TEST(JsonSchema, RecursionNeedsNoBound) {
  const auto tree = of(R"({"$ref": "#/$defs/node", "$defs": {"node": {"type": "object",
      "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
      "required": ["value"]}}})");
  EXPECT_TRUE(accepts(tree, R"({"value":1})"));
  EXPECT_TRUE(accepts(tree, R"({"value":1,"children":[{"value":2,"children":[]}, {"value":3}]})"));
  EXPECT_FALSE(accepts(tree, R"({"value":1,"children":[{"children":[]}]})"));
  EXPECT_TRUE(accepts(of(R"({"items": {"$ref": "#"}})"), "[[],[[]]]"));
}

TEST(JsonSchema, RefusesWhatItDoesNotSupportWithItsPlace) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {R"({"properties": {"a": {"items": {"multipleOf": 3}}}})",
       "json_schema: #/properties/a/items/multipleOf is not supported; supported are $ref, "},
      {R"({"not": {}})", "#/not is not supported"},
      {R"({"if": {}, "then": {}})", "#/if is not supported"},
      {R"({"patternProperties": {"a/b": {}}})", "#/patternProperties is not supported"},
      {R"({"type": "string", "minLenght": 2})", "#/minLenght is not supported"},
      {R"({"uniqueItems": true})", "#/uniqueItems is not supported"},
      {R"({"items": [{}]})", "#/items: a list of schemas is not supported; write prefixItems"},
      {R"({"allOf": [{}, {}]})", "allOf with 2 schemas is not supported"},
      {R"({"anyOf": []})", "#/anyOf is empty"},
      {R"({"anyOf": [{}], "type": "string"})", "anyOf together with type is not supported"},
      {R"({"$ref": "#/$defs/a", "minLength": 1, "$defs": {"a": {}}})",
       "$ref together with minLength"},
      {R"({"enum": ["a"], "pattern": "a"})", "enum together with pattern"},
      {R"({"enum": ["a"], "type": "integer"})", "no value of enum has the type integer"},
      {R"({"enum": "a"})", "#/enum is \"a\"; expected a list"},
      {R"({"type": 7})", "#/type is 7; expected string, number, integer"},
      {R"({"type": "text"})", "#/type is \"text\"; expected string"},
      {R"({"type": []})", "#/type is empty"},
      {R"({"properties": {"a": 7}})", "#/properties/a: expected a schema (an object); found 7"},
      {R"({"properties": []})", "#/properties: expected an object"},
      {R"({"properties": {"a": false}})", "#/properties/a is false"},
      {R"({"required": "a"})", "#/required: expected a list of names"},
      {R"({"properties": {"a": {}}, "required": ["b"]})", "#/required: 'b' is not in properties"},
      {R"({"minLength": -1})", "#/minLength is -1; expected a whole number"},
      {R"({"minLength": 1e99})", "expected a whole number"},
      {R"({"minLength": 3, "maxLength": 2})", "minLength 3 is above maxLength 2"},
      {R"({"minItems": 3, "maxItems": 2})", "at least 3 and at most 2 elements"},
      {R"({"prefixItems": [{}], "minItems": 2})", "at least 2 and at most 1 elements"},
      {R"({"pattern": "a", "maxLength": 2})", "only one is supported"},
      {R"x({"pattern": "(?=a)"})x", "#/pattern: byte 2 of the regular expression: look-around"},
      {R"({"format": "hostname"})", "#/format: 'hostname' is not supported; supported are date"},
      {R"({"type": "number", "minimum": 0.5})", "#/minimum is 0.5"},
      {R"({"type": "number", "minimum": 2, "maximum": 1})", "no number lies between 2 and 1"},
      {R"({"type": "number", "exclusiveMinimum": 1, "maximum": 1})", "no number lies between"},
      {R"({"type": "integer", "minimum": 0.2, "maximum": 0.8})", "no integer lies between 1 and 0"},
      {R"({"type": "integer", "minimum": "0"})", "#/minimum is \"0\"; expected a number"},
      {R"({"type": "integer", "exclusiveMinimum": true})", "expected a number"},
      {R"({"$ref": "#/$defs/a"})", "#/$ref: there is no '#/$defs/a' in the schema"},
      {R"({"$ref": "other.json"})", "#/$ref is 'other.json'; expected #"},
      {R"({"$ref": "#"})", "json_schema: # refers to itself"},
      {R"({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/b"}]},
                                          "b": {"$ref": "#/$defs/a"}}})",
       "refers to itself"},
      {R"({"properties": {"a": {"$ref": "#"}}, "required": ["a"]})", "no text fits"},
      {"7", "#: expected a schema (an object); found 7"},
      {"[]", "#: expected a schema (an object); found a list"},
      {"false", "# is false"},
      {"", "invalid JSON"},
      {"{", "invalid JSON"},
      {R"({"type": "string", "type": "null"})", "the key 'type' occurs twice"},
  };
  for (const auto& [schema, part] : refused) expect_refused(schema, part);
}

TEST(JsonSchema, HostileSchemasAreRefusedAtOnce) {
  std::string deep, chain = R"({"$ref": "#/$defs/0", "$defs": {)", wide = R"({"properties": {)";
  for (int i = 0; i < 1000; ++i) deep += R"({"items": )";
  for (int i = 0; i < 100; ++i) {
    chain += concat(i ? "," : "", "\"", i, R"(": {"items": {"$ref": "#/$defs/)", i + 1,
                    "\"}, \"minItems\": 1}");
  }
  for (int i = 0; i < 1001; ++i) wide += concat(i ? "," : "", "\"", i, "\": {}");
  expect_refused(deep, "nested deeper than 64");
  expect_refused(chain + R"(,"100": {}}})", "no text fits");
  expect_refused(wide + "}}", "1001 properties; at most 1000");
  expect_refused(R"({"pattern": ")" + std::string(100'000, 'a') + "\"}",
                 "at most 10000 are supported");
  expect_refused(R"({"const": ")" + std::string(300'000, 'a') + "\"}",
                 "needs more than 200000 states");
}

}  // namespace
}  // namespace gptkit
