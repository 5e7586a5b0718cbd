#include "common/cli.h"

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"

namespace gptkit {
namespace {

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

void add_basic_options(CLI::App& app, CommonOptions& options, bool json) {
  options.threads = default_threads();
  app.add_flag_callback(
      "-q,--quiet",
      [&options] {
        options.quiet = true;
        set_log_level(LogLevel::kQuiet);
      },
      "print only results, warnings and errors");
  app.add_option("--threads", options.threads, "number of threads (default: the physical cores)")
      ->check(integer_in(1, 1024))
      ->type_name("N");
  if (json) {
    app.add_flag("--json", options.json, "print results as JSON, one object per line");
  }
}

void add_config_options(CLI::App& app, CommonOptions& options, bool json) {
  app.add_option("-c,--config", options.config_files,
                 "YAML file with settings; may repeat, later files win")
      ->allow_extra_args(false)
      ->type_name("FILE");
  app.add_option("-s,--set", options.sets, "set one setting: a.b=value; may repeat")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app.add_flag("--print-config", options.print_config,
               "print all settings and where they come from, then exit");
  add_basic_options(app, options, json);
}

void add_common_options(CLI::App& app, CommonOptions& options, bool json) {
  add_config_options(app, options, json);
  app.add_option("--seed", options.seed, "seed of all random numbers; -1: a new one for each run")
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
