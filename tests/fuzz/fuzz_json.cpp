// base/json: what parses is the same again after it was printed.

#include "base/json.h"
#include "fuzz.h"

namespace gptkit::fuzz {

Corpus corpus() {
  std::string deep;
  for (int i = 0; i < 63; ++i) deep += "[";
  deep += "1";
  for (int i = 0; i < 63; ++i) deep += "]";
  return {
      {"{}", "[]", "null", deep,
       R"({"a": [1, -2, 3.5e-7, 1e308, true, false, null], "b": {"c": "\u00e9\n\ud83d\ude00"}})",
       R"([0, -0, -0.0, 9223372036854775807, -9223372036854775808, 18446744073709551615,
               18446744073709551616, 1E+2, 0.1, 123456789012345678901234567890])",
       "[\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\", \"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const Json value = parse_json(bytes, "input");
    fuzz::check(parse_json(dump_json(value), "printed") == value, "printed JSON reads the same");
    const OrderedJson ordered = parse_json_ordered(bytes, "input");
    fuzz::check(
        dump_json(parse_json_ordered(dump_json(ordered, 2), "printed")) == dump_json(ordered),
        "printed JSON keeps its order");
    if (!value.is_object()) return;
    for (const auto& [key, member] : value.items()) {
      const auto any = [&](auto&& read) {
        try {
          read();
        } catch (const Error&) {
        }
      };
      any([&, name = key] { json_int(value, name, "input"); });
      any([&, name = key] { json_number(value, name, "input"); });
      any([&, name = key] { fuzz::touch(json_string(value, name, "input")); });
    }
  });
}
