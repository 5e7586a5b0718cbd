#pragma once
// Messages for people, on standard error only; standard output belongs to results.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gptkit {

enum class LogLevel { kQuiet, kInfo };
void set_log_level(LogLevel level);
LogLevel log_level();

/// From now on every message is also appended, with the time of day, to this file (`run.log`).
void set_log_file(const std::filesystem::path& path);
std::filesystem::path log_file();  ///< empty: none

/// Messages name settings as config keys (Key of base/error.h). From now on every message goes
/// through `form` first: a program puts the names of its options in their place.
void set_message_form(std::function<std::string(std::string_view)> form);
std::string formed(std::string_view message);  ///< for messages that are not logged

/// The one place that decides about colours and redrawn lines: the descriptor is a terminal that
/// has them (TERM is not `dumb`), and NO_COLOR is unset or empty.
bool shows_colours(int descriptor);
bool stderr_is_interactive();  ///< shows_colours() of standard error

void log_line(std::string_view message);      ///< dropped by --quiet
void warning_line(std::string_view message);  ///< "warning: ..."; shown even with --quiet

/// The one redrawn line at the bottom of a terminal (progress): messages appear above it. Empty
/// removes it. For terminals only: see stderr_is_interactive().
void set_status_line(std::string_view line);
/// A line on standard error that is kept out of the log file; dropped by --quiet.
void print_line(std::string_view line);

template <class... Parts>
void log_info(const Parts&... parts) {
  log_line(concat(parts...));
}
template <class... Parts>
void log_warning(const Parts&... parts) {
  warning_line(concat(parts...));
}

}  // namespace gptkit
