#include "train/observers/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include "base/checksum.h"
#include "base/descriptor.h"
#include "base/error.h"
#include "base/files.h"

namespace gptkit {

namespace {

constexpr std::string_view kPrefix = "events.out.tfevents.", kSuffix = ".gptkit";

static_assert(std::endian::native == std::endian::little, "numbers are written in memory order");

template <class Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

enum Wire : uint32_t { kVarint = 0, kDouble = 1, kBytes = 2, kFloat = 5 };
void put_key(std::string& out, uint32_t field, Wire wire) { put_varint(out, field << 3 | wire); }

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_key(out, field, kBytes);
  put_varint(out, bytes.size());
  out.append(bytes);
}

std::string event_at(double wall_time, int64_t step) {
  std::string event;
  put_key(event, 1, kDouble);
  put(event, wall_time);
  put_key(event, 2, kVarint);
  put_varint(event, static_cast<uint64_t>(step));
  return event;
}

/// Rotated and shifted, so that the checksum of data that contain checksums is not trivial.
uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8U; }

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "host";
  return name.data();
}

double unix_time() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  return now.count();
}

/// TensorBoard reads files in the order of their names, so this name is later than all existing
/// ones.
fs::path new_name(const fs::path& folder, int64_t time, const std::vector<fs::path>& before) {
  fs::path path;
  do {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%010lld", static_cast<long long>(time++));
    path = folder / concat(kPrefix, digits, ".", host_name(), ".", ::getpid(), kSuffix);
  } while (std::any_of(before.begin(), before.end(),
                       [&](const fs::path& old) { return old.filename() >= path.filename(); }));
  return path;
}

std::vector<fs::path> event_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto name = entry.path().filename().string();
    if (name.starts_with(kPrefix) && name.ends_with(kSuffix)) found.push_back(entry.path());
  }
  return found;
}

void append_record(const fs::path& path, const std::string& event) {
  const Descriptor file(
      uninterrupted([&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC); }));
  if (file.get() < 0) fail_writing(path, errno);
  write_all(file.get(), tf_record(event), path);
}

}  // namespace

std::string tf_record(std::string_view bytes) {
  std::string record;
  put(record, static_cast<uint64_t>(bytes.size()));
  put(record, masked_crc(record));
  record.append(bytes);
  put(record, masked_crc(bytes));
  return record;
}

std::string scalar_event(const OrderedJson& row, double wall_time) {
  std::string summary;
  for (const auto& [name, number] : row.items()) {
    if (name == "step" || name == "seconds" || !number.is_number() ||
        !std::isfinite(number.get<double>())) {
      continue;
    }
    std::string value;
    put_bytes(value, 1, name);
    put_key(value, 2, kFloat);
    put(value, static_cast<float>(number.get<double>()));
    put_bytes(summary, 1, value);
  }
  auto event = event_at(wall_time, row.at("step").get<int64_t>());
  put_bytes(event, 5, summary);
  return event;
}

EventFile::EventFile(const fs::path& folder, const std::vector<OrderedJson>& rows, double seconds)
    : began_(unix_time() - seconds) {
  const auto before = event_files(folder);
  path_ = new_name(folder, static_cast<int64_t>(unix_time()), before);
  std::string version = event_at(began_, 0), start = version, log;
  put_bytes(version, 3, "brain.Event:2");
  put_key(log, 1, kVarint);
  put_varint(log, 1);
  put_bytes(start, 7, log);
  const auto first = tf_record(version);  // the same length from every version
  std::string records = first + tf_record(start);
  for (const auto& row : rows) records += tf_record(event_of(row));
  write_file_atomic(path_, records);
  for (const auto& old : before) {
    if (fs::file_size(old) > first.size()) fs::resize_file(old, first.size());
  }
}

std::string EventFile::event_of(const OrderedJson& row) const {
  return scalar_event(row, began_ + row.value("seconds", 0.0));
}

void EventFile::append(const OrderedJson& row) { append_record(path_, event_of(row)); }

}  // namespace gptkit
