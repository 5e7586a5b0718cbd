// What belongs to no model: version, log, errors.

#include <regex>

#include "gptkit/gptkit.h"
#include "tiny.h"

namespace gptkit::api {
namespace {

TEST(Surface, TheVersionIsThreeNumbers) {
  EXPECT_TRUE(std::regex_match(version(), std::regex(R"(\d+\.\d+\.\d+)"))) << version();
}

TEST(Surface, AnErrorSaysWhatKindItIsAndWhichSetting) {
  const Error error(Error::Kind::kRuntime, "the disk is full", "out");
  EXPECT_EQ(error.kind(), Error::Kind::kRuntime);
  EXPECT_EQ(error.key(), "out");
  EXPECT_STREQ(error.what(), "the disk is full");
  EXPECT_EQ(Stopped(15, "stopped").signal(), 15);
}

TEST(Surface, WarningsOnlyHidesProgress) {
  ScratchFolder folder;
  write_text(folder / "text.txt");
  set_log_level(LogLevel::kWarnings);
  testing::internal::CaptureStderr();
  train_tokenizer({folder / "text.txt"}, folder / "tokenizer", {.vocab_size = 280});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace gptkit::api
