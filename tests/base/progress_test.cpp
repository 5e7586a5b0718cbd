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
                           "took [0-9.]+ s, loss 3.21\n"));
}

TEST(Progress, AnUnknownTotalShowsTheAmount) {
  testing::internal::CaptureStderr();
  { Progress("reading", 0, "texts").update(3); }
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              MatchesRegex("reading 3 texts, [0-9.]+ texts/s, took 0.0 s\n"));
}

TEST(Progress, QuietSaysNothing) {
  set_log_level(LogLevel::kQuiet);
  testing::internal::CaptureStderr();
  { Progress("training", 10, "steps").update(10); }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  set_log_level(LogLevel::kInfo);
}

}  // namespace
}  // namespace gptkit
