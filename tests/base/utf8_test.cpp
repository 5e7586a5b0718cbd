#include "base/utf8.h"

#include "support/support.h"

namespace gptkit {
namespace {

TEST(Utf8, EveryScalarValueSurvivesEncodingAndDecoding) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    append_utf8(text, code);
    const Utf8Char c = decode_utf8(text, 0);
    ASSERT_TRUE(c.valid && c.code == code && c.bytes == text.size()) << std::uint32_t{code};
  }
}

TEST(Utf8, IllFormedBytesAreReportedOneByOne) {
  const std::vector<std::string> bad = {
      "\x80",              // a continuation alone
      "\xC0\x80",          // overlong
      "\xE0\x80\x80",      // overlong
      "\xF0\x80\x80\x80",  // overlong
      "\xED\xA0\x80",      // a surrogate
      "\xF4\x90\x80\x80",  // above U+10FFFF
      "\xF5\x80\x80\x80",  // no such lead byte
      "\xE4\xB8",          // cut off
      "\xFF",
  };
  for (const std::string& text : bad) {
    const Utf8Char c = decode_utf8(text, 0);
    EXPECT_FALSE(c.valid) << testing::PrintToString(text);
    EXPECT_EQ(c.bytes, 1u);
    EXPECT_EQ(c.code, 0xFFFDu);
    EXPECT_FALSE(is_valid_utf8("a" + text + "b"));
  }
  EXPECT_TRUE(is_valid_utf8("aé中😀\0"));
}

TEST(Utf8, AStreamMayShowWhatNoContinuationCanChange) {
  const std::string text = "é中😀";
  const std::vector<std::size_t> ends = {0, 2, 5, 9};
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::size_t shown = complete_utf8_prefix(text.substr(0, cut));
    EXPECT_EQ(shown, *std::prev(std::upper_bound(ends.begin(), ends.end(), cut))) << cut;
  }
  EXPECT_EQ(complete_utf8_prefix("a\x80"), 2u);          // never well-formed: nothing to wait for
  EXPECT_EQ(complete_utf8_prefix("a\xE4\xB8\xE4"), 3u);  // the second lead may still be completed
  EXPECT_EQ(complete_utf8_prefix("a\xED\xA0"), 3u);
  EXPECT_EQ(complete_utf8_prefix("\xFF\xFF"), 2u);
}

TEST(Utf8, ReplacementsAreThoseOfPython) {
  // "...".decode(errors="replace")
  EXPECT_EQ(replace_invalid_utf8("a\xE4\xB8z"), "a\uFFFDz");
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98"), "\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("\xC0\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(replace_invalid_utf8("ok 中"), "ok 中");
}

}  // namespace
}  // namespace gptkit
