#include "text/lowercase.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "text/unicode.h"

namespace gptkit {
namespace {

TEST(Lowercase, EveryCharacterBecomesWhatPythonMakesOfIt) {
  std::string result;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string character;
    append_utf8(character, code);
    result += lowercase(character);
  }
  // "".join(chr(c).lower() for c in range(0x110000) if not 0xD800 <= c < 0xE000), Python 3.11
  EXPECT_EQ(sha256_hex(result), "958a7ea6410864d6bdee95e35373a838cd50f39ae4208f30d5fe14da0a0faff2");
}

TEST(Lowercase, ASigmaThatEndsAWordIsAFinalOne) {
  EXPECT_EQ(lowercase("ΟΔΟΣ ΣΑΣ, Σ ΣΧ"), "οδος σας, σ σχ");
}

TEST(Lowercase, BrokenBytesBecomeReplacementCharacters) {
  EXPECT_EQ(lowercase("A\xFF\xE2\x82Z"), "a\uFFFD\uFFFDz");
  EXPECT_EQ(lowercase(""), "");
}

}  // namespace
}  // namespace gptkit
