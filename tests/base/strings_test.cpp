#include "base/strings.h"

#include <gmock/gmock.h>

#include <limits>
#include <vector>

namespace gptkit {
namespace {

TEST(Strings, JoinPutsSeparatorsBetweenAndCountsTheRest) {
  EXPECT_EQ(join(std::vector<std::string>{}), "");
  EXPECT_EQ(join(std::vector<std::string>{"a"}), "a");
  EXPECT_EQ(join(std::vector<int>{1, 2, 3}, " x "), "1 x 2 x 3");
  EXPECT_EQ(join(std::vector<int>{1, 2, 3}, ", ", 3), "1, 2, 3");
  EXPECT_EQ(join(std::vector<int>{1, 2, 3, 4}, ", ", 2), "1, 2 and 2 more");
}

TEST(Strings, WithoutControlsKeepsLineEndsAndTabs) {
  EXPECT_EQ(without_controls("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(without_controls("\x1b[31m\xC2\x9B!"), "?[31m?!");
}

TEST(Printable, LeavesOneCleanLine) {
  EXPECT_EQ(printable("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(printable(std::string_view("a\nb\0\x1b[\x7f", 7)), "a\\nb\\x00\\x1b[\\x7f");
  EXPECT_EQ(printable("\xC2\x9B!"), "\\x9b!");
  EXPECT_EQ(printable("12345\xC3\xA9xyz", 6), "12345\xC3\xA9...");  // never within a character
}

TEST(Strings, Durations) {
  EXPECT_EQ(format_duration(0), "0.0 s");
  EXPECT_EQ(format_duration(0.42), "0.4 s");
  EXPECT_EQ(format_duration(9.96), "10 s");
  EXPECT_EQ(format_duration(12.4), "12 s");
  EXPECT_EQ(format_duration(59.6), "1 min 0 s");
  EXPECT_EQ(format_duration(187), "3 min 7 s");
  EXPECT_EQ(format_duration(3720), "1 h 2 min");
  EXPECT_EQ(format_duration(360'000), "100 h 0 min");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

TEST(Strings, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1200), "1.2 KB");
  EXPECT_EQ(format_bytes(497.8e6), "497.8 MB");
  EXPECT_EQ(format_bytes(999'960), "1.0 MB");
  EXPECT_EQ(format_bytes(5e21), "5000.0 EB");
}

TEST(Strings, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(-1000), "-1,000");
  EXPECT_EQ(format_count(-100), "-100");
  EXPECT_EQ(format_count(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(format_count(124'412'160), "124,412,160");
}

}  // namespace
}  // namespace gptkit
