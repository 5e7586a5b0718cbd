#include "base/log.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

std::string captured(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, QuietDropsMessagesButNotWarnings) {
  const auto both = [] {
    log_info("step ", 3);
    log_warning("disk ", "nearly full");
  };
  EXPECT_EQ(captured(both), "step 3\nwarning: disk nearly full\n");
  set_log_level(LogLevel::kQuiet);
  EXPECT_EQ(captured(both), "warning: disk nearly full\n");
  set_log_level(LogLevel::kInfo);
}

TEST(Log, TheFileGetsEveryMessageWithItsTime) {
  const test::ScratchFolder folder;
  set_log_file(folder / "run.log");
  set_log_level(LogLevel::kQuiet);
  captured([] {
    log_info("hidden from the screen");
    log_warning("seen");
    print_line("only on the screen");
  });
  set_log_level(LogLevel::kInfo);
  set_log_file("");
  const std::string stamp = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} ";
  EXPECT_THAT(
      read_file(folder / "run.log"),
      testing::MatchesRegex(stamp + "hidden from the screen\n" + stamp + "warning: seen\n"));
}

TEST(Log, AFullLogFileIsReportedOnceAndEndsNothing) {
  set_log_file("/dev/full");
  const std::string text = captured([] {
    log_info("one");
    log_info("two");
  });
  EXPECT_EQ(text,
            "one\nwarning: cannot write '/dev/full': No space left on device; logging continues "
            "without this file\ntwo\n");
}

TEST(Log, AProgramNamesSettingsItsOwnWay) {
  set_message_form([](std::string_view message) { return "[" + std::string(message) + "]"; });
  EXPECT_EQ(captured([] { log_warning("give ", Key{"top_k"}); }), "[warning: give `top_k`]\n");
  set_message_form(nullptr);
  EXPECT_EQ(captured([] { log_info("one"); }), "one\n");
}

}  // namespace
}  // namespace gptkit
