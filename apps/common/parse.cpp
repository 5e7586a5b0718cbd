#include <algorithm>
#include <cstring>
#include <iostream>
#include <string_view>

#include "base/config/spelling.h"
#include "base/error.h"
#include "base/log.h"
#include "common/cli.h"
#include "common/documentation.h"
#include "common/option_names.h"
#include "common/version.h"

namespace gptkit {
namespace {

/// " (did you mean X?)", or nothing when no candidate is close.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& candidates) {
  const auto meant = nearest_word(typed, candidates);
  return meant.empty() ? "" : " (did you mean " + meant + "?)";
}

/// The command that was chosen: the last subcommand parsed, or the program itself.
CLI::App* chosen(CLI::App& app) {
  CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  return at;
}

std::string full_name(const CLI::App* app) {
  const auto& name = app->get_name();
  return app->get_parent() ? full_name(app->get_parent()) + " " + name : name;
}

/// The long ones: a single letter is near every other.
std::vector<std::string> long_names(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app->get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
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

/// The name that takes a value behind '=': behind a short one the '=' would belong to the value.
std::string long_name(const CLI::Option& option, const std::string& typed) {
  const auto& names = option.get_lnames();
  return typed.starts_with("--") || names.empty() ? typed : "--" + names.back();
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
            arguments[i + 1], "; write ", long_name(*option, arguments[i]), "=", arguments[i + 1],
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
    fail("unknown option ", name, did_you_mean(name, long_names(at)), help);
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

/// The help text. Its examples call the program as the person did: through gptkit or by its name.
std::string help_of(const CLI::App& app) {
  const auto& shown = app.get_name();
  const auto name = shown.substr(shown.rfind(' ') + 1);
  std::string text = app.help();
  const std::string before = "\n  " + name + " ", now = "\n  " + shown + " ";
  for (auto at = text.find(before); at != text.npos; at = text.find(before, at + now.size())) {
    text.replace(at, before.size(), now);
  }
  return text;
}

void add_version_flag(CLI::App& app) {
  app.set_version_flag("--version", version(), "print the version and exit");
  for (CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    add_version_flag(*sub);
  }
}
}  // namespace

void parse(CLI::App& app, int argc, char** argv, const std::function<std::string()>& details) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  add_version_flag(app);
  if (print_documentation(app, arguments)) throw Finished();
  try {
    app.parse(argc, argv);
    check_values_given(app, arguments);
    if (details) details();
    set_message_form(option_names(*chosen(app)));
  } catch (const CLI::CallForVersion&) {
    std::cout << app.get_name() << " (gptkit) " << version() << '\n'
              << (details ? details() : std::string());
    throw Finished();
  } catch (const CLI::CallForHelp&) {
    std::cout << help_of(app);
    throw Finished();
  } catch (const CLI::ParseError& error) {
    check_values_given(app, arguments);
    fail_parse(app, error);
  }
}
}  // namespace gptkit
