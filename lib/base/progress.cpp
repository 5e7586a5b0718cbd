#include "base/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace gptkit {
namespace {

constexpr int kBarWidth = 20;
constexpr auto kRedraw = std::chrono::milliseconds(100);
constexpr auto kPlainLine = std::chrono::seconds(10);

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

/// Three digits that tell: 1234, 12.3, 0.123.
std::string short_number(double value) {
  return formatted(value >= 100  ? "%.0f"
                   : value >= 10 ? "%.1f"
                   : value >= 1  ? "%.2f"
                                 : "%.3f",
                   value);
}

std::size_t terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

/// The text cut to a number of bytes, never within a UTF-8 character: a redrawn line that wraps
/// would leave its first half behind.
std::string cut(std::string text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
  return text;
}

}  // namespace

Progress::Progress(std::string label, std::int64_t total, std::string unit, std::int64_t done)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      start_(done),
      done_(done),
      begin_(Clock::now()),
      drawn_(begin_) {}

Progress::~Progress() { finish(); }

void Progress::update(std::int64_t done, std::string_view note) {
  done_ = done;
  note_ = note;
  const auto now = Clock::now();
  const bool first = !ever_drawn_ && stderr_is_interactive();
  if (!first && now - drawn_ < kRedraw) return;
  if (!first && now - drawn_ < kPlainLine && !stderr_is_interactive()) return;
  draw(/*last=*/false);
}

void Progress::finish() {
  if (std::exchange(finished_, true)) return;
  draw(/*last=*/true);
}

void Progress::draw(bool last) {
  drawn_ = Clock::now();
  ever_drawn_ = true;
  if (log_level() == LogLevel::kQuiet) return;

  const double seconds = std::chrono::duration<double>(drawn_ - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done_ - start_) / seconds : 0;
  std::string line = label_;
  if (total_ > 0) {
    const double part =
        std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
    const auto filled = static_cast<std::size_t>(part * kBarWidth);
    line += " [" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
    line += concat(" ", static_cast<int>(part * 100), "% ", done_, "/", total_, " ", unit_);
  } else {
    line += concat(" ", done_, " ", unit_);
  }
  if (rate > 0) line += ", " + short_number(rate) + " " + unit_ + "/s";
  if (last) {
    line += ", took " + format_duration(seconds);
  } else if (rate > 0 && total_ > done_) {
    line += ", ETA " + format_duration(static_cast<double>(total_ - done_) / rate);
  }
  if (!note_.empty()) line += ", " + note_;

  if (!stderr_is_interactive()) {
    print_line(line);
  } else if (last) {
    set_status_line("");
    print_line(line);
  } else {
    set_status_line(cut(line, terminal_columns() - 1));
  }
}

}  // namespace gptkit
