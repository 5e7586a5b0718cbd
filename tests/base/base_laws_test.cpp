// Laws of the parsers and printers: what is printed is parsed to the same value.

#include <array>
#include <bit>
#include <cmath>

#include "base/config/config.h"
#include "base/files.h"
#include "base/json.h"
#include "support/laws.h"
#include "support/support.h"

namespace gptkit {
namespace {

rc::Gen<double> finite_number() {
  return rc::gen::oneOf(rc::gen::cast<double>(rc::gen::arbitrary<std::int64_t>()),
                        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), [](std::uint64_t bits) {
                          const auto number = std::bit_cast<double>(bits);
                          return std::isfinite(number) ? number : 0.1;
                        }));
}

rc::Gen<Json> scalar_json() {
  const auto as_json = [](const auto& value) { return Json(value); };
  return rc::gen::oneOf(rc::gen::map(test::utf8_text(), as_json),
                        rc::gen::map(rc::gen::arbitrary<std::int64_t>(), as_json),
                        rc::gen::map(rc::gen::arbitrary<std::uint64_t>(), as_json),
                        rc::gen::map(finite_number(), as_json),
                        rc::gen::map(rc::gen::arbitrary<bool>(), as_json),
                        rc::gen::just(Json(nullptr)));
}

Json some_json(int depth) {
  const auto kind = *rc::gen::inRange(0, depth > 0 ? 3 : 1);
  if (kind == 0) return *scalar_json();
  const auto size = *rc::gen::inRange(0, 4);
  Json value = kind == 1 ? Json::array() : Json::object();
  for (int i = 0; i < size; ++i) {
    if (kind == 1) {
      value.push_back(some_json(depth - 1));
    } else {
      value[*test::utf8_text()] = some_json(depth - 1);
    }
  }
  return value;
}

RC_GTEST_PROP(BaseLaws, JsonThatIsPrintedIsParsedToTheSame, ()) {
  const auto value = some_json(4);
  RC_ASSERT(parse_json(dump_json(value), "law") == value);
  RC_ASSERT(parse_json(dump_json(value, 2), "law") == value);
}

enum class Colour { kRed, kGreen };
constexpr auto enum_names(Colour) {
  return std::array<std::pair<std::string_view, Colour>, 2>{
      {{"red", Colour::kRed}, {"green", Colour::kGreen}}};
}

struct Part {
  std::string text;
  double number = 0;
  bool operator==(const Part&) const = default;
};
template <class V>
void visit_fields(Part& c, V&& visit) {
  visit("text", c.text, "a text");
  visit("number", c.number, "a number");
}

struct Whole {
  std::int64_t count = 0;
  bool flag = false;
  Colour colour = Colour::kRed;
  std::optional<std::int64_t> maybe;
  std::vector<std::string> texts;
  std::vector<Part> parts;
  Part part;
  bool operator==(const Whole&) const = default;
};
template <class V>
void visit_fields(Whole& c, V&& visit) {
  visit("count", c.count, "a count");
  visit("flag", c.flag, "a flag");
  visit("colour", c.colour, "a word");
  visit("maybe", c.maybe, "a number or nothing");
  visit("texts", c.texts, "a list of texts");
  visit("parts", c.parts, "a list of sections");
  visit("part", c.part, "a section");
}

Part some_part() { return {*test::utf8_text(), *finite_number()}; }

Whole some_config() {
  Whole config;
  config.count = *rc::gen::arbitrary<std::int64_t>();
  config.flag = *rc::gen::arbitrary<bool>();
  config.colour = *rc::gen::element(Colour::kRed, Colour::kGreen);
  if (*rc::gen::arbitrary<bool>()) config.maybe = *rc::gen::arbitrary<std::int64_t>();
  config.texts = *rc::gen::container<std::vector<std::string>>(test::utf8_text());
  for (auto n = *rc::gen::inRange(0, 3); n > 0; --n) config.parts.push_back(some_part());
  config.part = some_part();
  return config;
}

RC_GTEST_PROP(BaseLaws, AConfigThatIsPrintedIsReadBackEqual, ()) {
  const auto config = some_config();
  ConfigOrigins origins;
  Whole read;
  bind_config(read, parse_config(config_to_yaml(config), "law.yaml", "/"), "", origins);
  RC_ASSERT(read == config);
}

RC_GTEST_PROP(BaseLaws, AnyTextIsOneYamlScalar, ()) {
  const auto text = *test::utf8_text();
  const auto node = parse_config("key: " + yaml_text(text), "law.yaml", "/");
  RC_ASSERT(node.members.size() == 1u);
  RC_ASSERT(node.members[0].second.scalar == text);
}

RC_GTEST_PROP(BaseLaws, PrintableTextIsOneLineWithoutControls, ()) {
  const auto text = printable(*test::any_bytes());
  RC_ASSERT(text == without_controls(text));
  RC_ASSERT(text.find('\n') == text.npos);
  RC_ASSERT(printable(text, text.size()) == text);
}

}  // namespace
}  // namespace gptkit
