#include "base/json.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

void expect_refused(std::string_view text, const std::string& part) {
  expect_error([&] { parse_json(text, "x.json"); }, part);
  expect_error([&] { parse_json_ordered(text, "x.json"); }, part);
}

TEST(Json, ParsesAndDumpsEveryKindOfValue) {
  const std::string text = R"({"a":[1,-2,2.5,true,false,null,"t\u00e9\n"],"b":{},"c":[]})";
  EXPECT_EQ(dump_json(parse_json(text, "x")),
            "{\"a\":[1,-2,2.5,true,false,null,\"t\xC3\xA9\\n\"],"
            "\"b\":{},\"c\":[]}");
  EXPECT_EQ(parse_json("\xEF\xBB\xBF 1 ", "x"), 1);  // a byte order mark is let pass
  EXPECT_EQ(parse_json("\"lone\"", "x"), "lone");
}

TEST(Json, OrderedKeepsTheOrderOfTheFile) {
  const std::string text = R"({"z":1,"a":{"y":[{"b":2,"a":3}],"x":4}})";
  EXPECT_EQ(dump_json(parse_json_ordered(text, "x")), text);
  EXPECT_EQ(dump_json(parse_json(R"({"z":1,"a":2})", "x")), R"({"a":2,"z":1})");
}

TEST(Json, ErrorsSayWhere) {
  expect_refused("{\n  \"a\": 1,\n  \"b\": nul\n}", "x.json: invalid JSON at line 3, column ");
  expect_refused("", "x.json: invalid JSON at line 1, column 1");
  for (const char* text : {"{", "[1,]", "{\"a\" 1}", "1 2", "{'a': 1}", "[01]", "[1e]", "nan",
                           "\"\x80\"", "\"\\ud800\"", "\"a\nb\"", "[1] // x"}) {
    expect_refused(text, "invalid JSON at line 1, column ");
  }
}

TEST(Json, ATextThatEndsTooEarlyIsCalledCutOff) {
  const std::string whole = R"({"a": [1, {"b": "c"}], "d": -2})";
  for (std::size_t bytes = 1; bytes + 1 < whole.size(); ++bytes) {
    const auto cut = whole.substr(0, bytes);
    if (cut.ends_with('-')) continue;  // a broken number
    expect_refused(cut, concat("x.json: invalid JSON at line 1, column ", bytes,
                               ": the text is cut off or damaged"));
  }
}

TEST(Json, NothingHidesBehindANul) {
  expect_refused(std::string_view("{}\0", 3),
                 "x.json: invalid JSON at line 1, column 3: a NUL byte");
  expect_refused(std::string_view("\"\0\"", 3), "a NUL byte");
  EXPECT_EQ(parse_json("\"\\u0000\"", "x"), std::string("\0", 1));
}

TEST(Json, ADeepNestIsRefusedAndOneOfSixtyFourIsNot) {
  const auto nest = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  parse_json(nest(64), "x");
  expect_refused(nest(65), "line 1, column 65: nested deeper than 64");
  expect_refused(std::string(1'000'000, '['), "nested deeper than 64");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  expect_refused(objects, "nested deeper than 64");
}

TEST(Json, ARepeatedKeyIsRefused) {
  expect_refused("{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}",
                 "x.json: line 2, column 18: the key 'c' occurs twice");
  expect_refused("{\"\\u0061\": 1, \"a\": 2}", "the key 'a' occurs twice");
  parse_json("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}}", "x");
}

TEST(Json, ManyKeysInOrderTakeLinearTime) {
  std::string text = "{";
  for (int i = 0; i < 300'000; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":0";
  EXPECT_EQ(parse_json_ordered(text + "}", "x").size(), 300'000u);  // squared, this takes minutes
}

TEST(Json, DumpReplacesInvalidUtf8) {
  EXPECT_EQ(dump_json(Json("a\xff"
                           "b")),
            "\"a\xEF\xBF\xBD"
            "b\"");
  EXPECT_EQ(dump_json(OrderedJson{{"k", "\xC3"}}, 1), "{\n \"k\": \"\xEF\xBF\xBD\"\n}");
}

TEST(Json, IntegersAreChecked) {
  const auto value = [](const char* text) { return json_to_int(parse_json(text, "x"), "n"); };
  EXPECT_EQ(value("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(value("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(value("3.0"), 3);
  EXPECT_EQ(value("1e3"), 1000);
  expect_error([&] { value("9223372036854775808"); }, "n is 9223372036854775808; at most 2^63-1");
  for (const char* text :
       {"18446744073709551616", "3.5", "1e300", "\"3\"", "true", "null", "[3]"}) {
    expect_error([&] { value(text); }, "expected an integer");
  }
  expect_refused("1e400", "invalid JSON");
}

TEST(Json, MembersNameWhatIsWrong) {
  const Json object =
      parse_json(R"({"i": 3, "f": 0.5, "s": "text", "b": true, "none": null})", "x");
  EXPECT_EQ(json_int(object, "i", "x"), 3);
  EXPECT_EQ(json_int(object, "none", "x", 7), 7);
  EXPECT_EQ(json_int(object, "absent", "x", 7), 7);
  EXPECT_EQ(json_number(object, "f", "x"), 0.5);
  EXPECT_EQ(json_number(object, "i", "x"), 3.0);
  EXPECT_EQ(json_string(object, "s", "x"), "text");
  EXPECT_EQ(json_string(object, "absent", "x", "other"), "other");
  EXPECT_TRUE(json_bool(object, "b", "x", false));
  EXPECT_TRUE(json_bool(object, "absent", "x", true));

  expect_error([&] { json_int(object, "s", "c.json"); },
               "c.json: 's' is \"text\"; expected an integer");
  expect_error([&] { json_int(object, "s", "c.json", 1); }, "expected an integer");
  expect_error([&] { json_int(object, "absent", "c.json"); },
               "c.json: the key 'absent' is missing");
  expect_error([&] { json_number(object, "b", "c.json"); }, "'b' is true; expected a number");
  expect_error([&] { json_string(object, "i", "c.json"); }, "'i' is 3; expected a text");
  expect_error([&] { json_bool(object, "i", "c.json", true); }, "'i' is 3; expected true or false");
  expect_error([&] { json_int(Json::array(), "i", "c.json"); }, "found a list");
}

}  // namespace
}  // namespace gptkit
