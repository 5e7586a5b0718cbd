#pragma once
// A program: a name, a help text, options, and what it does with them. What all programs share
// (reading options strictly, --print-config, errors, exit codes) happens here once.
//
//   int main(int argc, char** argv) {
//     return gptkit::run_program({"generate", kHelp}, argc, argv, [](gptkit::Program& program) {
//       program.configured<gptkit::GenerateConfig>(generate, {{"model", "-m"}});
//     });
//   }

#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "common/cli.h"
#include "common/settings.h"

namespace gptkit {

struct About {
  const char* name;
  const char* help;
  /// More lines for --version, null: none. Called at each start: fails for a machine or an
  /// environment that the program cannot run in (a GPTKIT_ISA that the processor lacks).
  std::function<std::string()> details = {};
};

/// What a program is called on the command line: "gptkit generate" when gptkit has started it.
std::string shown_name(const char* name, char** argv);

class Program {
 public:
  /// One of its commands, or all of it when it has none.
  struct Command {
    CLI::App* app;
    CommonOptions common = {};
    std::vector<ConfigOverride> typed = {};
    std::function<void()> work = {};
  };

  Program(const About& about, const std::string& shown);

  CLI::App& app() { return app_; }

  /// The program without a command reads a `Config` and calls work(config, common options).
  template <class Config, class Work>
  Command& configured(Work work, const OptionAliases& aliases = {}) {
    return add_configured<Config>(app_, std::move(work), aliases);
  }
  /// The same for a command: `tokenize train`.
  template <class Config, class Work>
  Command& command(const char* name, const char* help, Work work,
                   const OptionAliases& aliases = {}) {
    return add_configured<Config>(*app_.add_subcommand(name, help), std::move(work), aliases);
  }
  /// The program without a command, and a command, that have no config.
  Command& plain(std::function<void(const CommonOptions&)> work);
  Command& plain_command(const char* name, const char* help,
                         std::function<void(const CommonOptions&)> work);

  /// Reads the arguments and does what they ask for.
  void run(int argc, char** argv);

 private:
  CLI::App app_;
  const About& about_;
  std::deque<Command> commands_;  // options point into them

  Command& add_plain(CLI::App& app, std::function<void(const CommonOptions&)> work);

  template <class Config, class Work>
  Command& add_configured(CLI::App& app, Work work, const OptionAliases& aliases) {
    auto& command = commands_.emplace_back(Command{&app});
    add_config_options(app, command.common);
    add_settings(app, Config{}, command.typed, aliases);
    command.work = [&command, work = std::move(work)] {
      auto inputs = to_inputs(command.common);
      auto& overrides = inputs.overrides;
      overrides.insert(overrides.end(), command.typed.begin(), command.typed.end());
      Config config;
      const auto origins = load_config(config, inputs);
      if (command.common.print_config) {
        std::cout << config_to_yaml(config, &origins);
        return;
      }
      with_origins(origins, [&] { work(std::as_const(config), std::as_const(command.common)); });
    };
    return command;
  }
};

/// The whole of a main(): declares the options, then runs the program in the frame of run_app.
int run_program(const About& about, int argc, char** argv,
                const std::function<void(Program&)>& declare);

}  // namespace gptkit
