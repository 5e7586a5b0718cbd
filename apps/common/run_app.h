#pragma once
// The frame around every program: errors in one line and one place, exit codes 0 (done), 1 (failed
// while running), 2 (wrong options, config or input file) and 128 + signal (stopped after saving).

#include <functional>

namespace gptkit {

/// Runs a program's body and turns its end into an exit code; errors become one line
/// "name: message" on standard error. While it runs, std::cout is a large buffer over file
/// descriptor 1 whose failures throw: a full disk is exit code 1 with a message, a reader that
/// went away (`| head`) ends the program quietly with 0. SIGPIPE is ignored from here on.
int run_app(const char* name, const std::function<void()>& body);

/// Thrown to leave the body early with success: --help, --version, or nobody reads our output.
struct Finished {};

}  // namespace gptkit
