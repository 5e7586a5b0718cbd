#include "report/format.h"

#include "base/utf8.h"
#include "support/support.h"

namespace gptkit {
namespace {

TEST(ReportFormat, NoShareIsRoundedToAPerfectOne) {
  EXPECT_EQ(percent(0.98926), "98.9 %");
  EXPECT_EQ(percent(0.99996), "99.996 %");
  EXPECT_EQ(percent(0.0001), "0.01 %");
  EXPECT_EQ(percent(1), "100.0 %");
  EXPECT_EQ(percent(0), "0.0 %");
  EXPECT_EQ(decimal(0.99998), "0.99998");
  EXPECT_EQ(decimal(0.999999964), "0.99999996");
  EXPECT_EQ(decimal(1), "1.0000");
  EXPECT_EQ(percent(Interval{0.9812, 0.9943}), "98.1 to 99.4 %");
}

TEST(ReportFormat, WhatIsAbsentIsUndefined) {
  EXPECT_EQ(percent(std::optional<double>()), "undefined");
  EXPECT_EQ(decimal(std::optional<double>()), "undefined");
}

TEST(ReportFormat, PValues) {
  EXPECT_EQ(p_value_text(0.00001), "p < 0.0001");
  EXPECT_EQ(p_value_text(0.0312), "p = 0.031");
  EXPECT_EQ(p_value_text(1), "p = 1.00");
}

TEST(ReportFormat, WhatHidesBecomesVisible) {
  EXPECT_EQ(visible_text("a\nb\tc", 99), "a\u21B5 b c");
  EXPECT_EQ(visible_text(std::string("\0\x1B[31m\x7F", 7), 99), "\u2400\u241B[31m\u2421");
  EXPECT_EQ(visible_text("a\u202Eb\u200Bc\u00ADd\uFEFF", 99),
            "a<U+202E>b<U+200B>c<U+00AD>d<U+FEFF>");
  EXPECT_EQ(visible_text("\u0085", 99), "<U+0085>");
  EXPECT_EQ(visible_text("\U000E0041", 99), "<U+E0041>");
  EXPECT_EQ(visible_text("caf\xE9\xFF!", 99), "caf\uFFFD\uFFFD!");
  EXPECT_EQ(visible_text("\u05E9\u05DC\u05D5\u05DD \U0001F468\u200D\U0001F469", 99),
            "\u05E9\u05DC\u05D5\u05DD \U0001F468\u200D\U0001F469");
}

TEST(ReportFormat, LongTextsEndInAnEllipsis) {
  EXPECT_EQ(visible_text("\u00E9\u00E9\u00E9", 3), "\u00E9\u00E9\u00E9");
  EXPECT_EQ(visible_text("\u00E9\u00E9\u00E9\u00E9", 3), "\u00E9\u00E9\u00E9\u2026");
  EXPECT_EQ(visible_text(std::string(1 << 20, '\x80'), 10).size(), 10 * 3 + 3u);
}

TEST(ReportFormat, ColumnsCountCharacters) {
  EXPECT_EQ(columns("na\u00EFve"), 5u);
  EXPECT_EQ(left_in("\u00E9", 3), "\u00E9  ");
  EXPECT_EQ(right_in("\u00E9", 3), "  \u00E9");
  EXPECT_EQ(right_in("longer", 3), "longer");
}

}  // namespace
}  // namespace gptkit
