#include "base/progress.h"

#include "base/log.h"
#include "support/support.h"

namespace gptkit {
namespace {

using testing::MatchesRegex;

TEST(Progress, WithoutATerminalOnlyTheEndIsALine) {
  testing::internal::CaptureStderr();
  {
    Progress progress("training", 1000, "steps");
    for (int i = 0; i <= 420; ++i) progress.update(i, "loss 3.21");
    progress.finish();
  }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("training \\[########\\.{12}\\] 42% 420/1000 steps, [0-9.]+ steps/s, "
                           "took [0-9]+s, loss 3.21\n"));
}

TEST(Progress, AnUnknownTotalShowsTheAmount) {
  testing::internal::CaptureStderr();
  { Progress("reading", 0, "texts").update(3); }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("reading 3 texts, [0-9.]+ texts/s, took 0s\n"));
}

TEST(Progress, QuietSaysNothing) {
  set_log_level(LogLevel::kQuiet);
  testing::internal::CaptureStderr();
  { Progress("training", 10, "steps").update(10); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  set_log_level(LogLevel::kInfo);
}

TEST(Format, Durations) {
  EXPECT_EQ(format_duration(0), "0s");
  EXPECT_EQ(format_duration(12.4), "12s");
  EXPECT_EQ(format_duration(59.6), "1m 00s");
  EXPECT_EQ(format_duration(187), "3m 07s");
  EXPECT_EQ(format_duration(3720), "1h 02m");
  EXPECT_EQ(format_duration(360'000), "100h 00m");
  EXPECT_EQ(format_duration(-1), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::quiet_NaN()), "?");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

TEST(Format, Bytes) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1200), "1.2 KB");
  EXPECT_EQ(format_bytes(497.8e6), "497.8 MB");
  EXPECT_EQ(format_bytes(999'960), "1.0 MB");
  EXPECT_EQ(format_bytes(5e21), "5000.0 EB");
}

TEST(Format, Counts) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(-1000), "-1,000");
  EXPECT_EQ(format_count(-100), "-100");
  EXPECT_EQ(format_count(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(format_count(124'412'160), "124,412,160");
}

}  // namespace
}  // namespace gptkit
