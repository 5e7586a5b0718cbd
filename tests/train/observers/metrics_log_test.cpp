#include "train/observers/metrics_log.h"

#include <cmath>
#include <limits>

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

std::string three_rows(const fs::path& path) {
  MetricsLog log(path, 0);
  for (int64_t step = 0; step < 3; ++step)
    log.append({{"step", step}, {"loss", 2.5 - static_cast<double>(step)}});
  return read_file(path);
}

TEST(MetricsLog, WritesALineAStep) {
  ScratchFolder scratch;
  EXPECT_EQ(three_rows(scratch / "m"),
            "{\"step\":0,\"loss\":2.5}\n{\"step\":1,\"loss\":1.5}\n{\"step\":2,\"loss\":0.5}\n");
}

TEST(MetricsLog, NumbersThatAreNotFiniteBecomeNull) {
  ScratchFolder scratch;
  MetricsLog log(scratch / "m", 0);
  log.append({{"step", 0}, {"a", std::nan("")}, {"b", std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(read_file(scratch / "m"), "{\"step\":0,\"a\":null,\"b\":null}\n");
}

TEST(MetricsLog, IsCutBackToTheStepThatComesNext) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  for (const int64_t next : {3, 2, 1, 0}) {
    MetricsLog log(scratch / "m", next);
    EXPECT_EQ(log.rows().size(), static_cast<size_t>(next));
    EXPECT_TRUE(whole.starts_with(read_file(scratch / "m")));
    EXPECT_EQ(std::ranges::count(read_file(scratch / "m"), '\n'), next);
  }
}

TEST(MetricsLog, DropsALastLineCutAtAnyByte) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  const size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t size = last_line; size < whole.size(); ++size) {
    write_file_atomic(scratch / "m", whole.substr(0, size));
    MetricsLog log(scratch / "m", 3);
    EXPECT_EQ(log.rows().size(), 2u) << size;
    log.append({{"step", 2}, {"loss", 0.5}});
    EXPECT_EQ(read_file(scratch / "m"), whole) << size;
  }
}

TEST(MetricsLog, DropsWhatAPowerCutLeavesBehindTheRowsThatCount) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  for (const std::string& rest :
       {std::string("\0\0\0\0\n\0\n", 7), std::string("nonsense\n"), whole, whole + "{\n"}) {
    write_file_atomic(scratch / "m", whole + rest);
    EXPECT_EQ(MetricsLog(scratch / "m", 3).rows().size(), 3u);
    EXPECT_EQ(read_file(scratch / "m"), whole);
    write_file_atomic(scratch / "m", rest);
    EXPECT_EQ(MetricsLog(scratch / "m", 0).rows().size(), 0u);
  }
}

TEST(MetricsLog, RefusesALineThatIsNoRow) {
  ScratchFolder scratch;
  for (const char* bad : {"nonsense\n", "[1]\n", "{\"step\":\"two\"}\n", "{\"loss\":1}\n"}) {
    write_file_atomic(scratch / "m", bad);
    expect_error([&] { MetricsLog(scratch / "m", 5); }, (scratch / "m").string());
  }
}

}  // namespace
}  // namespace gptkit
