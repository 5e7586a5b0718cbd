#include "text/unicode.h"

#include <array>

#include "support/support.h"

namespace gptkit {
namespace {

TEST(Unicode, ClassesHaveTheSizesOfUnicode16) {
  std::array<int, 4> count{};
  for (char32_t code = 0; code < 0x110000; ++code) ++count[static_cast<int>(char_class(code))];
  EXPECT_EQ(count[static_cast<int>(CharClass::kLetter)], 141028);
  EXPECT_EQ(count[static_cast<int>(CharClass::kNumber)], 1911);
  EXPECT_EQ(count[static_cast<int>(CharClass::kSpace)], 25);
}

TEST(Unicode, ClassesOfKnownCharacters) {
  for (const char32_t letter : {U'a', U'Z', U'é', U'Я', U'中', U'ª', U'\U000323AF'}) {
    EXPECT_EQ(char_class(letter), CharClass::kLetter) << std::uint32_t{letter};
  }
  for (const char32_t number : {U'0', U'²', U'Ⅷ', U'٣', U'½', U'\U0001D7D8'}) {
    EXPECT_EQ(char_class(number), CharClass::kNumber) << std::uint32_t{number};
  }
  for (const char32_t space : {U' ', U'\n', U'\v', U'\u0085', U'\u00a0', U'\u3000'}) {
    EXPECT_EQ(char_class(space), CharClass::kSpace) << std::uint32_t{space};
  }
  for (const char32_t other : {U'!', U'\0', U'\u0301', U'\u180e', U'\u200b', U'😀', U'\U0010FFFF'}) {
    EXPECT_EQ(char_class(other), CharClass::kOther) << std::uint32_t{other};
  }
  EXPECT_EQ(char_class(0x110000), CharClass::kOther);
}

}  // namespace
}  // namespace gptkit
