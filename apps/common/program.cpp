#include "common/program.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace gptkit {

std::string shown_name(const char* name, char** argv) {
  const std::string through_gptkit = std::string("gptkit ") + name;
  return argv[0] && argv[0] == through_gptkit ? through_gptkit : name;
}

Program::Program(const About& about, const std::string& shown)
    : app_(about.help, shown), about_(about) {}

Program::Command& Program::add_plain(CLI::App& app,
                                     std::function<void(const CommonOptions&)> work) {
  auto& command = commands_.emplace_back(Command{&app});
  add_basic_options(app, command.common);
  command.work = [&command, work = std::move(work)] { work(command.common); };
  return command;
}

Program::Command& Program::plain(std::function<void(const CommonOptions&)> work) {
  return add_plain(app_, std::move(work));
}

Program::Command& Program::plain_command(const char* name, const char* help,
                                         std::function<void(const CommonOptions&)> work) {
  return add_plain(*app_.add_subcommand(name, help), std::move(work));
}

void Program::run(int argc, char** argv) {
  // Where the program alone has no work, a command has to be named.
  const auto own = [this](const Command& command) { return command.app == &app_; };
  const bool works_alone = std::any_of(commands_.begin(), commands_.end(), own);
  if (!works_alone) app_.require_subcommand(1);
  parse(app_, argc, argv, about_.details);
  const auto chosen = std::find_if(commands_.begin(), commands_.end(), [&](const Command& command) {
    return !own(command) && command.app->parsed();
  });
  const auto& command =
      chosen != commands_.end() ? *chosen : *std::find_if(commands_.begin(), commands_.end(), own);
  command.work();
}

int run_program(const About& about, int argc, char** argv,
                const std::function<void(Program&)>& declare) {
  static const std::string shown = shown_name(about.name, argv);
  return run_app(shown.c_str(), [&] {
    Program program(about, shown);
    declare(program);
    program.run(argc, argv);
  });
}

}  // namespace gptkit
