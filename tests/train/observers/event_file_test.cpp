#include "train/observers/event_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "base/checksum.h"
#include "base/files.h"
#include "support/support.h"
#include "train/observers/metrics_log.h"

namespace gptkit {
namespace {

using test::ScratchFolder;

template <class Number>
Number take(std::string_view& from) {
  Number number;
  EXPECT_GE(from.size(), sizeof number);
  std::memcpy(&number, from.data(), sizeof number);
  from.remove_prefix(sizeof number);
  return number;
}

uint64_t take_varint(std::string_view& from) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !from.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(take<char>(from));
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

std::string_view take_bytes(std::string_view& from, uint64_t n) {
  EXPECT_LE(n, from.size());
  const auto bytes = from.substr(0, n);
  from.remove_prefix(bytes.size());
  return bytes;
}

/// The records of a file, each with both checksums right. Unmasked as the format says: rotated
/// right by 15 and a constant added.
std::vector<std::string> records(std::string_view file) {
  const auto crc_of = [](uint32_t masked) {
    const uint32_t rotated = masked - 0xa282ead8U;
    return (rotated >> 17) | (rotated << 15);
  };
  std::vector<std::string> found;
  while (!file.empty()) {
    const auto length_bytes = file.substr(0, 8);
    const auto length = take<uint64_t>(file);
    EXPECT_EQ(crc_of(take<uint32_t>(file)), crc32c(length_bytes));
    const auto bytes = take_bytes(file, length);
    EXPECT_EQ(crc_of(take<uint32_t>(file)), crc32c(bytes));
    found.emplace_back(bytes);
  }
  return found;
}

struct Event {
  double wall_time = 0;
  uint64_t step = 0;
  std::string version, session_log;
  std::map<std::string, float> values;
};

std::map<std::string, float> read_summary(std::string_view summary) {
  std::map<std::string, float> values;
  while (!summary.empty()) {
    EXPECT_EQ(take_varint(summary), 1u << 3 | 2u);
    auto value = take_bytes(summary, take_varint(summary));
    EXPECT_EQ(take_varint(value), 1u << 3 | 2u);
    const std::string tag(take_bytes(value, take_varint(value)));
    EXPECT_EQ(take_varint(value), 2u << 3 | 5u);
    EXPECT_TRUE(values.emplace(tag, take<float>(value)).second) << tag << " twice";
    EXPECT_TRUE(value.empty());
  }
  return values;
}

Event read_event(std::string_view bytes) {
  Event event;
  while (!bytes.empty()) {
    const auto key = take_varint(bytes);
    switch (key) {
      case 1 << 3 | 1:
        event.wall_time = take<double>(bytes);
        break;
      case 2 << 3 | 0:
        event.step = take_varint(bytes);
        break;
      case 3 << 3 | 2:
        event.version = take_bytes(bytes, take_varint(bytes));
        break;
      case 5 << 3 | 2:
        event.values = read_summary(take_bytes(bytes, take_varint(bytes)));
        break;
      case 7 << 3 | 2:
        event.session_log = take_bytes(bytes, take_varint(bytes));
        break;
      default:
        ADD_FAILURE() << "field " << key;
        return event;
    }
  }
  return event;
}

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      found.push_back(entry.path());
    }
  }
  return found;
}

OrderedJson row(int64_t step, double loss) {
  return {{"step", step}, {"loss", loss}, {"seconds", 2.0 * static_cast<double>(step)}};
}

TEST(TensorBoard, TheChecksumIsCastagnolis) {
  // RFC 3720, B.4.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
}

TEST(TensorBoard, ARecordHasItsLengthAndMaskedChecksums) {
  for (const size_t size : {0, 1, 127, 128, 5000}) {
    const std::string bytes(size, 'x');
    const auto record = tf_record(bytes);
    EXPECT_EQ(record.size(), size + 16);
    EXPECT_THAT(records(record + record), testing::ElementsAre(bytes, bytes));
  }
}

TEST(TensorBoard, AnEventHasEveryFiniteNumberOfARow) {
  const auto event =
      read_event(scalar_event({{"step", 300'000'000'000},
                               {"epoch", 0.5},
                               {"tokens", 123},
                               {"loss", 3.25},
                               {"val_loss", std::numeric_limits<double>::quiet_NaN()},
                               {"lr", nullptr},
                               {"seconds", 7.5}},
                              1.5e9));
  EXPECT_EQ(event.wall_time, 1.5e9);
  EXPECT_EQ(event.step, 300'000'000'000u);
  EXPECT_EQ(event.values,
            (std::map<std::string, float>{{"epoch", 0.5F}, {"tokens", 123.F}, {"loss", 3.25F}}));
}

TEST(TensorBoard, AFileHasTheRowsSoFarAndThoseToCome) {
  ScratchFolder run;
  EventFile file(run.path(), {row(0, 4), row(1, 3)}, 4.0);
  file.append(row(2, 2));
  const auto files = event_files(run.path());
  ASSERT_EQ(files.size(), 1u);
  const auto all = records(read_file(files[0]));
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(read_event(all[0]).version, "brain.Event:2");
  EXPECT_EQ(read_event(all[1]).session_log, std::string("\x08\x01"));  // status START
  for (uint64_t step = 0; step < 3; ++step) {
    const auto event = read_event(all[2 + step]);
    EXPECT_EQ(event.step, step);
    EXPECT_EQ(event.values.at("loss"), 4.F - static_cast<float>(step));
    // Wall times lie as far apart as the training's seconds.
    EXPECT_NEAR(event.wall_time - read_event(all[2]).wall_time, 2.0 * static_cast<double>(step),
                1e-6);
  }
}

TEST(TensorBoard, AResumedRunEmptiesTheFileAndWritesOneThatSortsBehindIt) {
  ScratchFolder run;
  for (int64_t life = 0; life < 3; ++life) {
    std::vector<OrderedJson> rows;
    for (int64_t step = 0; step < life; ++step) rows.push_back(row(step, 4));
    EventFile(run.path(), rows, 2.0 * static_cast<double>(life)).append(row(life, 4));
  }
  auto files = event_files(run.path());
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 3u);
  for (size_t i = 0; i < 2; ++i) {
    const auto left = records(read_file(files[i]));
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(read_event(left[0]).version, "brain.Event:2");
  }
  EXPECT_EQ(records(read_file(files[2])).size(), 2u + 3u);
}

TEST(TensorBoard, OthersFilesAreLeftAlone) {
  ScratchFolder run;
  const auto other = run / "events.out.tfevents.1700000000.host.1.0";
  write_file_atomic(other, "theirs");
  EventFile(run.path(), {}, 0);
  EventFile(run.path(), {}, 0);
  EXPECT_EQ(read_file(other), "theirs");
}

TEST(EventFile, OfAResumedRunBeginsWithTheRowsThatAreKept) {
  ScratchFolder run;
  {
    MetricsLog log(run / "metrics.jsonl", 0);
    EventFile events(run.path(), log.rows(), 0);
    for (int64_t step = 0; step < 5; ++step) {
      log.append(row(step, 1));
      events.append(row(step, 1));
    }
  }
  MetricsLog log(run / "metrics.jsonl", 3);  // steps 3 and 4 are done again
  EventFile(run.path(), log.rows(), 6).append(row(3, 2));
  const auto files = event_files(run.path());
  ASSERT_EQ(files.size(), 2u);
  const auto all = records(read_file(std::max(files[0], files[1])));
  ASSERT_EQ(all.size(), 2u + 4u);
  for (uint64_t step = 0; step < 4; ++step) {
    EXPECT_EQ(read_event(all[2 + step]).step, step);
    EXPECT_EQ(read_event(all[2 + step]).values.at("loss"), step == 3 ? 2.F : 1.F);
  }
}

}  // namespace
}  // namespace gptkit
