#include "common/cli.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <new>
#include <streambuf>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/stop.h"

namespace gptkit {
namespace {

/// Leaves the body early with success: --help, --version, or nobody reads our output any more.
struct Finished {};

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
  std::string line;
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == '\n' || byte == '\t') {
      line += ' ';
    } else {
      line += byte < 0x20 || byte == 0x7f ? '?' : c;
    }
  }
  return line;
}

int report(const char* name, std::string_view message, int exit_code) {
  try {
    std::cout.clear();
    std::cout.flush();  // results found before the error come first
  } catch (...) {
  }
  const std::string line = std::string(name) + ": " + one_line(message) + "\n";
  std::cerr << line << std::flush;
  return exit_code;
}

/// A closed descriptor 0, 1 or 2 would be taken by the first file opened.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The wrong way round on purpose: using it is still an error.
    const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != fd && opened >= 0) ::close(opened);
  }
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

/// " (did you mean X?)", or nothing when no candidate is close.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& candidates) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(2, typed.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const bool begins = typed.size() >= 4 && candidate.starts_with(typed);
    const std::size_t distance = begins ? 1 : edit_distance(typed, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best ? " (did you mean " + *best + "?)" : "";
}

/// The command that was chosen: the last subcommand parsed, or the program itself.
CLI::App* chosen(CLI::App& app) {
  CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  return at;
}

std::string full_name(const CLI::App* app) {
  const std::string name = app->get_name();
  return app->get_parent() ? full_name(app->get_parent()) + " " + name : name;
}

std::vector<std::string> option_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::string join(const std::vector<std::string>& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
  }
  return text;
}

/// CLI11 gives an option the next argument whatever it is; an option there is a forgotten value.
void check_values_given(CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < arguments.size() && arguments[i] != "--"; ++i) {
    for (const CLI::App* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      if (sub->get_name() == arguments[i]) {
        at = sub;
        break;
      }
    }
    const auto known = [&](const std::string& text) -> const CLI::Option* {
      return text.size() > 1 && text[0] == '-' ? at->get_option_no_throw(text) : nullptr;
    };
    const CLI::Option* option = known(arguments[i]);
    if (!option || option->get_items_expected_min() == 0) continue;
    require(i + 1 < arguments.size(), "option ", arguments[i], " needs a value; see ",
            full_name(at), " --help");
    require(!known(arguments[i + 1]), "option ", arguments[i], " needs a value, found the option ",
            arguments[i + 1], "; write ", arguments[i], "=", arguments[i + 1],
            " if that is the value");
    ++i;
  }
}

/// What CLI11 could not place: options first, they explain the rest.
[[noreturn]] void fail_unknown(const CLI::App* at, const std::vector<std::string>& extras) {
  const auto option = std::find_if(extras.begin(), extras.end(), [](const std::string& text) {
    return text.size() > 1 && text[0] == '-' && text != "--";
  });
  const std::string help = "; see " + full_name(at) + " --help";
  if (option != extras.end()) {
    const std::string name = option->substr(0, option->find('='));
    fail("unknown option ", name, did_you_mean(name, option_names(at)), help);
  }
  const auto commands = command_names(at);
  if (!commands.empty()) {
    fail("unknown command '", extras.front(), "'", did_you_mean(extras.front(), commands),
         "; expected ", join(commands), help);
  }
  fail("unexpected argument '", extras.front(), "'", help);
}

[[noreturn]] void fail_parse(CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = chosen(app);
  const auto extras = app.remaining(/*recurse=*/true);
  if (!extras.empty()) fail_unknown(at, extras);

  const std::string help = "; see " + full_name(at) + " --help";
  for (const CLI::Option* option : at->get_options()) {
    const int at_most = std::max(1, option->get_items_expected_max());  // a flag's is 0
    if (static_cast<int>(option->results().size()) > at_most) {
      fail("option ", option->get_name(), " is given ", option->results().size(),
           " times; give it once", help);
    }
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error)) {
    const auto commands = command_names(at);
    if (!commands.empty()) fail("a command is missing: ", join(commands), help);
    fail("missing ", std::string_view(error.what()).substr(0, std::strcspn(error.what(), " ")),
         help);
  }
  fail(error.what(), help);
}

void add_version_flag(CLI::App& app) {
  app.set_version_flag("--version", std::string(GPTKIT_VERSION), "print the version and exit");
  for (CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    add_version_flag(*sub);
  }
}

std::int64_t parse_integer(const std::string& text, bool& ok) {
  const bool negative = text.starts_with('-');
  const auto digits = std::string_view(text).substr(negative);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ok = error == std::errc() && end == text.data() + text.size() && !digits.empty() &&
       (digits == "0" || digits[0] != '0');
  return value;
}

}  // namespace

int run_app(const char* name, const std::function<void()>& body) {
  // LibTorch then asks for huge pages: a model of 0.5 GB is filled in two thirds of the time.
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);
  std::signal(SIGPIPE, SIG_IGN);
  open_standard_descriptors();
  OutputScope output;
  try {
    body();
    std::cout.flush();
    return 0;
  } catch (const Finished&) {
    try {
      std::cout.flush();
    } catch (...) {  // the reader has gone
    }
    return 0;
  } catch (const Error& error) {
    return report(name, error.what(), error.exit_code());
  } catch (const Stopped& stopped) {
    return report(name, stopped.what(), stopped.exit_code());
  } catch (const std::bad_alloc&) {
    return report(name, "out of memory; use smaller sizes or a machine with more memory", 1);
  } catch (const std::exception& error) {
    const std::string_view message = error.what();
    return report(name, message.substr(0, message.find('\n')), 1);
  } catch (...) {
    return report(name, "an unknown error", 1);
  }
}

void parse(CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  add_version_flag(app);
  try {
    app.parse(argc, argv);
    check_values_given(app, arguments);
  } catch (const CLI::CallForVersion&) {
    std::cout << app.get_name() << " (gptkit) " << GPTKIT_VERSION << '\n';
    throw Finished();
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    throw Finished();
  } catch (const CLI::ParseError& error) {
    check_values_given(app, arguments);
    fail_parse(app, error);
  }
}

void add_basic_options(CLI::App& app, CommonOptions& options, bool json) {
  options.threads = default_threads();
  app.add_flag_callback(
      "-q,--quiet",
      [&options] {
        options.quiet = true;
        set_log_level(LogLevel::kQuiet);
      },
      "no progress and no messages, only results, warnings and errors");
  app.add_option("--threads", options.threads, "threads to compute with (the physical cores)")
      ->check(integer_in(1, 1024))
      ->type_name("N");
  if (json) {
    app.add_flag("--json", options.json, "machine-readable output: one JSON object a line");
  }
}

void add_config_options(CLI::App& app, CommonOptions& options, bool json) {
  app.add_option("-c,--config", options.config_files, "YAML file; may repeat, the later wins")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("-s,--set", options.sets, "set one key of the config, a.b=value; may repeat")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app.add_flag("--print-config", options.print_config, "print the resolved config and exit");
  add_basic_options(app, options, json);
}

void add_common_options(CLI::App& app, CommonOptions& options, bool json) {
  add_config_options(app, options, json);
  app.add_option("--seed", options.seed, "seed of every random draw; -1: a new one each run")
      ->check(integer_in(-1, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N")
      ->check(device_name())
      ->type_name("DEVICE")
      ->capture_default_str();
}

int default_threads() {
  const char* set = std::getenv("OMP_NUM_THREADS");
  if (!set || !*set) return physical_cores();
  const std::string text(set);  // OpenMP allows one number per nesting level: "4,2"
  bool ok = false;
  const auto threads = parse_integer(text.substr(0, text.find(',')), ok);
  require(ok && threads >= 1 && threads <= 1024, "OMP_NUM_THREADS is '", text,
          "', expected a number from 1 to 1024; unset it or give --threads");
  return static_cast<int>(threads);
}

CLI::Validator integer_in(std::int64_t min, std::int64_t max) {
  return CLI::Validator(
      [min, max](std::string& text) -> std::string {
        bool ok = false;
        const auto value = parse_integer(text, ok);
        if (ok && value >= min && value <= max) return {};
        if (max == std::numeric_limits<std::int64_t>::max()) {
          return concat("'", text, "' is not an integer >= ", min, " (below 2^63)");
        }
        return concat("'", text, "' is not an integer from ", min, " to ", max);
      },
      "");
}

CLI::Validator real_in(double min, double max) {
  return CLI::Validator(
      [min, max](std::string& text) -> std::string {
        double value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const auto digits = std::string_view(text).substr(text.starts_with('-'));
        const bool octal = digits.size() > 1 && digits[0] == '0' && std::isdigit(digits[1]);
        if (error == std::errc() && end == text.data() + text.size() && std::isfinite(value) &&
            !octal && value >= min && value <= max) {
          return {};
        }
        if (std::isinf(max) || max == std::numeric_limits<double>::max()) {
          return concat("'", text, "' is not a finite number >= ", min);
        }
        return concat("'", text, "' is not a number from ", min, " to ", max);
      },
      "");
}

CLI::Validator device_name() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        bool ok = text == "auto" || text == "cpu" || text == "cuda";
        if (!ok && text.starts_with("cuda:")) {
          const auto index = parse_integer(text.substr(5), ok);
          ok = ok && index >= 0 && index < 128;
        }
        return ok ? "" : concat("'", text, "' is not a device; expected auto, cpu, cuda or cuda:N");
      },
      "");
}

}  // namespace gptkit
