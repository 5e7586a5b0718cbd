#include "base/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <utility>

#include "base/files.h"

namespace gptkit {
namespace {

struct State {
  std::mutex mutex;
  std::filesystem::path file;
  std::function<std::string(std::string_view)> form;
  std::string status;  // the redrawn line, when there is one
};

/// Never destroyed: messages may come from destructors at exit.
State& state() {
  static State& kept = *new State;
  return kept;
}

std::atomic<LogLevel> current_level{LogLevel::kInfo};

constexpr std::string_view kClearLine = "\r\033[K";

/// One write, so lines of several processes do not mix. Nobody to tell when it fails.
void to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return text.data();
}

/// Above the status line. The caller holds the lock.
void show(const State& shared, std::string_view message) {
  std::string text;
  if (!shared.status.empty()) text += kClearLine;
  text.append(message).append("\n").append(shared.status);
  to_stderr(text);
}

void print(std::string_view raw, bool to_terminal) {
  const std::string message = without_controls(formed(raw));
  State& shared = state();
  const std::scoped_lock lock(shared.mutex);
  if (to_terminal) show(shared, message);
  if (shared.file.empty()) return;
  try {
    append_line(shared.file, time_of_day() + " " + message);
  } catch (const Error& error) {  // a full disk must not end the run through its log
    shared.file.clear();
    to_stderr(concat("warning: ", error.what(), "; logging continues without this file\n"));
  }
}

}  // namespace

void set_log_level(LogLevel level) { current_level = level; }
LogLevel log_level() { return current_level; }

void set_log_file(const std::filesystem::path& path) {
  const std::scoped_lock lock(state().mutex);
  state().file = path;
}

std::filesystem::path log_file() {
  const std::scoped_lock lock(state().mutex);
  return state().file;
}

void set_message_form(std::function<std::string(std::string_view)> form) {
  const std::scoped_lock lock(state().mutex);
  state().form = std::move(form);
}

std::string formed(std::string_view message) {
  const std::scoped_lock lock(state().mutex);
  return state().form ? state().form(message) : std::string(message);
}

bool shows_colours(int descriptor) {
  const auto set = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string_view(value ? value : "");
  };
  return ::isatty(descriptor) && set("NO_COLOR").empty() && set("TERM") != "dumb";
}

bool stderr_is_interactive() { return shows_colours(STDERR_FILENO); }

void set_status_line(std::string_view line) {
  const std::scoped_lock lock(state().mutex);
  if (line.empty() && state().status.empty()) return;
  state().status = without_controls(line);
  to_stderr(std::string(kClearLine) + state().status);
}

void print_line(std::string_view line) {
  if (log_level() == LogLevel::kQuiet) return;
  const std::scoped_lock lock(state().mutex);
  show(state(), without_controls(line));
}

void log_line(std::string_view message) { print(message, log_level() != LogLevel::kQuiet); }

void warning_line(std::string_view message) { print("warning: " + std::string(message), true); }

}  // namespace gptkit
