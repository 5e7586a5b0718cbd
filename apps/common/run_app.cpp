#include "common/run_app.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "common/surroundings.h"

namespace gptkit {
namespace {

/// std::cout's buffer: big, and loud about failed writes.
class StandardOutput : public std::streambuf {
 public:
  StandardOutput() : buffer_(std::size_t{1} << 16) { reset(); }

 protected:
  int_type overflow(int_type c) override {
    flush();
    if (c != traits_type::eof()) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  std::streamsize xsputn(const char* bytes, std::streamsize n) override {
    if (n > epptr() - pptr()) flush();
    if (n >= static_cast<std::streamsize>(buffer_.size())) {
      write_all(bytes, static_cast<std::size_t>(n));
    } else {
      std::memcpy(pptr(), bytes, static_cast<std::size_t>(n));
      pbump(static_cast<int>(n));
    }
    return n;
  }
  int sync() override {
    flush();
    return 0;
  }

 private:
  std::vector<char> buffer_;

  void reset() { setp(buffer_.data(), buffer_.data() + buffer_.size()); }
  void flush() {
    const auto n = static_cast<std::size_t>(pptr() - pbase());
    reset();  // first: what could not be written is not tried again
    write_all(buffer_.data(), n);
  }
  static void write_all(const char* bytes, std::size_t n) {
    while (n > 0) {
      const ssize_t written = ::write(STDOUT_FILENO, bytes, n);
      if (written >= 0) {
        bytes += written;
        n -= static_cast<std::size_t>(written);
      } else if (errno == EPIPE) {
        throw Finished();
      } else if (errno == EAGAIN) {
        pollfd wait{STDOUT_FILENO, POLLOUT, 0};
        ::poll(&wait, 1, -1);
      } else if (errno != EINTR) {
        fail_runtime("standard output: cannot write: ", std::strerror(errno));
      }
    }
  }
};

/// Installs a StandardOutput for the time of one run_app.
class OutputScope {
 public:
  OutputScope() : before_(std::cout.rdbuf(&output_)), mask_(std::cout.exceptions()) {
    std::cout.exceptions(std::ios::badbit);  // rethrows what the buffer threw
  }
  ~OutputScope() {
    std::cout.rdbuf(before_);
    std::cout.exceptions(mask_);
  }
  OutputScope(const OutputScope&) = delete;
  OutputScope& operator=(const OutputScope&) = delete;

 private:
  StandardOutput output_;
  std::streambuf* before_;
  std::ios::iostate mask_;
};

/// One printable line: control characters and newlines would let a file name forge messages.
std::string one_line(std::string_view message) {
  std::string line = without_controls(message);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return line;
}

int report(const char* name, std::string_view message, int exit_code) {
  try {
    std::cout.clear();
    std::cout.flush();  // results found before the error come first
  } catch (...) {
  }
  const std::string line = std::string(name) + ": " + one_line(formed(message)) + "\n";
  std::cerr << line << std::flush;
  return exit_code;
}

/// What LibTorch and the standard library say when memory ran out.
bool is_out_of_memory(std::string_view message) {
  for (const char* text :
       {"can't allocate memory", "out of memory", "bad_alloc", "Cannot allocate"}) {
    if (message.find(text) != std::string_view::npos) return true;
  }
  return false;
}

int report_out_of_memory(const char* name) {
  return report(name, "out of memory; use smaller sizes or a machine with more memory", 1);
}

int report(const char* name, const std::filesystem::filesystem_error& error) {
  constexpr std::array kInput = {ENOENT, EACCES, EPERM, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG};
  const int code = error.code().value();
  const bool input = std::find(kInput.begin(), kInput.end(), code) != kInput.end();
  return report(name,
                concat("cannot access '", printable(error.path1().string(), 400),
                       "': ", error.code().message()),
                input ? 2 : 1);
}

/// The first line of a foreign error, without the place in LibTorch's source that opens some.
std::string_view first_line(std::string_view message) {
  message = message.substr(0, message.find('\n'));
  if (message.starts_with("[enforce fail at ")) {
    message = message.substr(std::min(message.size(), message.find("] ") + 2));
  }
  return message;
}
}  // namespace

int run_app(const char* name, const std::function<void()>& body) {
  // LibTorch then asks for huge pages: a model of 0.5 GB is filled in two thirds of the time.
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
  prepare_surroundings(name);
  OutputScope output;
  try {
    check_surroundings();
    body();
    std::cout.flush();
    return 0;
  } catch (const Finished&) {
    if (!std::cout) return 0;  // the reader has gone
    try {
      std::cout.flush();
    } catch (const Finished&) {  // just now
    } catch (const Error& error) {
      return report(name, error.what(), error.exit_code());
    }
    return 0;
  } catch (const Error& error) {
    return report(name, error.what(), error.exit_code());
  } catch (const Stopped& stopped) {
    return report(name, stopped.what(), stopped.exit_code());
  } catch (const std::bad_alloc&) {
    return report_out_of_memory(name);
  } catch (const std::filesystem::filesystem_error& error) {
    return report(name, error);
  } catch (const std::exception& error) {
    const std::string_view message = error.what();
    if (is_out_of_memory(message)) return report_out_of_memory(name);
    return report(name, first_line(message), 1);
  } catch (...) {
    return report(name, "an unknown error", 1);
  }
}
}  // namespace gptkit
