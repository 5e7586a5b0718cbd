#include "base/config/known_keys.h"

#include <gtest/gtest.h>

#include "support/support.h"

namespace gptkit {
namespace {

using enum KeyUse;

constexpr KeyRule kRules[] = {{"size", kHonoured},
                              {"scale", kRefused, "one reason", "[true, 1]"},
                              {"packed", kRefused},
                              {"note", kHarmless}};

TEST(KnownKeys, RefusesAValueByNameWithWhatIsExpected) {
  const std::pair<Json, const char*> bad[] = {
      {{{"scale", false}}, "f.json: scale false is not supported; expected true or 1 (one reason)"},
      {{{"scale", "a\n"}}, "f.json: scale 'a\\n' is not supported"},
      {{{"packed", Json::object()}}, "f.json: packed {} is not supported"}};
  for (const auto& [json, message] : bad) {
    test::expect_error([&json = json] { check_keys(json, kRules, "f.json"); }, message);
  }
  check_keys({{"scale", 1.0}, {"packed", nullptr}, {"size", -1}, {"note", 3}}, kRules, "f.json");
}

TEST(KnownKeys, WarnsOnceOfAllThatNoRuleHas) {
  testing::internal::CaptureStderr();
  check_keys({{"b", 1}, {"a\x1b", 2}, {"size", 3}}, kRules, "f.json");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "warning: f.json: the keys 'a\\x1b', 'b' are not known and not read\n");
}

}  // namespace
}  // namespace gptkit
