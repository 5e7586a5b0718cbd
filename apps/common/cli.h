#pragma once
// The options that programs have in common, read strictly (parse.cpp). See program.h.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/run_app.h"

namespace gptkit {

/// Reads the options. --help and --version (added here) print and leave the body of run_app with
/// exit code 0; anything wrong is an Error that names the option and suggests the one meant.
/// `details` gives further lines for --version and is called at each start, as it fails where the
/// program cannot run. Afterwards messages name config keys by the command's
/// options.
void parse(CLI::App& app, int argc, char** argv, const std::function<std::string()>& details = {});

/// What all programs understand.
struct CommonOptions {
  std::vector<std::string> config_files;  // -c/--config, in order
  std::vector<std::string> sets;          // -s/--set, in order: "a.b=value"
  std::string device = "auto";
  std::optional<std::int64_t> seed;  // -1: a new one each run
  int threads = 0;                   // set by add_*_options: the physical cores unless given
  bool print_config = false, quiet = false, json = false;
};

/// -q/--quiet, --threads, and --json with `json`: for programs without a configuration. --quiet
/// takes effect while parsing.
void add_basic_options(CLI::App& app, CommonOptions& options, bool json = true);

/// The basic options and -c/--config -s/--set --print-config.
void add_config_options(CLI::App& app, CommonOptions& options, bool json = true);

/// The config options and --seed --device.
void add_common_options(CLI::App& app, CommonOptions& options, bool json = true);

/// $OMP_NUM_THREADS when set (refused unless it is a number from 1 to 1024), else the physical
/// cores.
int default_threads();

/// Validators with one number grammar: decimal, no leading zeros or '+', no hex, inf or nan.
CLI::Validator integer_in(std::int64_t min, std::int64_t max);
CLI::Validator real_in(double min, double max);
/// auto, cpu, cuda or cuda:N.
CLI::Validator device_name();

}  // namespace gptkit
