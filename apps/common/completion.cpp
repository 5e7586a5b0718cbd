#include <algorithm>
#include <iostream>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"
#include "common/documentation.h"
#include "common/programs.h"
#include "common/version.h"

namespace gptkit {

namespace {

/// The engine of every bash completion: what may follow the words typed so far.
constexpr const char* kBashHelpers =
    R"sh(# Completions of gptkit, made from the options of its programs.
# _gptkit_reply OPTIONS COMMANDS VALUES: fills COMPREPLY for the word at the cursor. VALUES has an
# entry "--option=values" for each option with a value: @files, @text, or words between '|'.
_gptkit_reply() {
  local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]} entry
  if [[ $word == '=' ]]; then
    word=
  elif [[ $option == '=' ]]; then
    option=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for entry in $3; do
    [[ $entry == "$option="* ]] || continue
    case ${entry#*=} in
      @files) _gptkit_files "$word" ;;
      @text) ;;
      *) mapfile -t COMPREPLY < <(IFS='|' && compgen -W "${entry#*=}" -- "$word") ;;
    esac
    return
  done
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
  else
    _gptkit_files "$word"
    local command
    for command in $(compgen -W "$2" -- "$word"); do COMPREPLY+=("$command"); done
  fi
}

_gptkit_files() {
  mapfile -t COMPREPLY < <(compgen -f -- "$1")
  compopt -o filenames 2>/dev/null || :
}
)sh";

std::string function_name(std::string program) {
  std::replace(program.begin(), program.end(), '-', '_');
  return "_gptkit_" + program;
}

/// The program's own name: without "gptkit " before it.
std::string plain_name(const CLI::App& app) {
  const auto& name = app.get_name();
  return name.substr(name.rfind(' ') + 1);
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_min() > 0; }

/// "@files", "@text", or the values between '|'.
std::string values_of(const CLI::Option& option) {
  const auto type = option.get_type_name();
  if (type == "FILE" || type == "PATH" || type == "FOLDER") return "@files";
  if (type == "DEVICE") return "auto|cpu|cuda";
  return type.find('|') == type.npos ? "@text" : type;
}

/// OPTIONS COMMANDS VALUES, quoted for the shell.
std::string bash_words(const CLI::App& app) {
  std::vector<std::string> options, commands, values;
  for (const auto* option : options_of(app)) {
    for (const auto& name : names_of(*option)) {
      options.push_back(name);
      if (takes_value(*option)) values.push_back(name + "=" + values_of(*option));
    }
  }
  for (const auto* command : commands_of(app)) commands.push_back(command->get_name());
  return concat("'", join(options, " "), "' '", join(commands, " "), "' '", join(values, " "), "'");
}

/// Within single quotes of zsh, in _arguments' brackets.
std::string zsh_text(std::string_view text) {
  std::string quoted;
  for (const char c : text.substr(0, text.find('\n'))) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') quoted += '\\';
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted;
}

/// One option for _arguments.
std::string zsh_option(const CLI::Option& option) {
  const auto names = names_of(option);
  const bool repeats =
      takes_value(option) && (option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll ||
                              option.get_items_expected_max() > 1);
  std::string value;
  if (takes_value(option)) {
    const auto values = values_of(option);
    std::string words = values;
    std::replace(words.begin(), words.end(), '|', ' ');
    const auto action = values == "@files" ? "_files" : values == "@text" ? "" : "(" + words + ")";
    value = concat(":value:", action);
  }
  const auto about = "[" + zsh_text(option.get_description()) + "]" + value + "'";
  const std::string star = repeats ? "*" : "";
  if (names.size() == 1) return "'" + star + names[0] + about;
  return concat("'", repeats ? "*" : "(" + join(names, " ") + ")", "'{", join(names, ","), "}'",
                about);
}

std::string zsh_arguments(const CLI::App& app) {
  std::string text = "_arguments -s -S";
  for (const auto* option : options_of(app)) text += " \\\n      " + zsh_option(*option);
  return text + " \\\n      '*:file:_files'";
}

}  // namespace

std::string bash_helpers() { return kBashHelpers; }

std::string bash_completion(const CLI::App& app) {
  const auto function = function_name(plain_name(app));
  std::string text = concat("\n", function, "() {\n");
  const auto commands = commands_of(app);
  if (commands.empty()) {
    text += "  _gptkit_reply " + bash_words(app) + "\n";
  } else {
    std::vector<std::string> names;
    for (const auto* command : commands) names.push_back(command->get_name());
    text +=
        concat("  local command= i\n  for ((i = ${gptkit_at:-0} + 1; i < COMP_CWORD; ++i)); do\n",
               "    case ${COMP_WORDS[i]} in ", join(names, " | "),
               ") command=${COMP_WORDS[i]} && break ;; esac\n  done\n  case $command in\n");
    for (const auto* command : commands) {
      text +=
          concat("    ", command->get_name(), ") _gptkit_reply ", bash_words(*command), " ;;\n");
    }
    text += concat("    *) _gptkit_reply ", bash_words(app), " ;;\n  esac\n");
  }
  return text + "}\n";
}

std::string bash_dispatch() {
  std::vector<std::string> names;
  for (const auto& program : installed_programs()) names.push_back(program.name);
  std::string text = concat(
      "\n_gptkit() {\n  if ((COMP_CWORD == 1)); then\n    mapfile -t COMPREPLY "
      "< <(compgen -W '",
      join(names, " "),
      " --help --version' -- \"${COMP_WORDS[1]}\")\n    return\n  fi\n"
      "  local gptkit_at=1\n  case ${COMP_WORDS[1]} in\n");
  for (const auto& name : names) text += concat("    ", name, ") ", function_name(name), " ;;\n");
  return text + "  esac\n}\ncomplete -F _gptkit gptkit\n";
}

std::string zsh_completion(const CLI::App& app) {
  const auto function = function_name(plain_name(app));
  const auto commands = commands_of(app);
  if (commands.empty()) return concat(function, "() {\n  ", zsh_arguments(app), "\n}\n");
  std::string lines, cases;
  for (const auto* command : commands) {
    lines += concat(" '", command->get_name(), ":", zsh_text(command->get_description()), "'");
    cases += concat("    ", command->get_name(), ")\n      ", zsh_arguments(*command), " ;;\n");
  }
  return concat(function, "() {\n  local -a commands=(", lines, ")\n", "  case $words[2] in\n",
                cases, "    *)\n      _describe command commands\n      ", zsh_arguments(app),
                " ;;\n  esac\n}\n");
}

std::string zsh_dispatch() {
  std::string lines, cases;
  for (const auto& [name, line] : installed_programs()) {
    lines += concat("\n    '", name, ":", zsh_text(line), "'");
    cases += concat("    ", name, ") ", function_name(name), " ;;\n");
  }
  return concat(
      "_gptkit() {\n  local -a programs=(", lines,
      "\n  )\n  if ((CURRENT == 2)); then\n    _describe program programs\n    return\n  fi\n"
      "  shift words\n  ((CURRENT--))\n  case $words[1] in\n",
      cases, "  esac\n}\n_gptkit \"$@\"\n");
}

bool print_documentation(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments == std::vector<std::string>{"--man"}) {
    std::cout << man_page(app, version());
    return true;
  }
  if (arguments.size() != 2 || arguments[0] != "--completion") return false;
  const auto& shell = arguments[1];
  const auto name = plain_name(app);
  if (shell == "bash-part") {
    std::cout << bash_completion(app);
  } else if (shell == "zsh-part") {
    std::cout << zsh_completion(app);
  } else if (shell == "bash") {
    std::cout << bash_helpers() << bash_completion(app) << "complete -F " << function_name(name)
              << " " << name << "\n";
  } else if (shell == "zsh") {
    std::cout << "#compdef " << name << "\n"
              << zsh_completion(app) << function_name(name) << " \"$@\"\n";
  } else {
    fail("--completion: expected bash or zsh, found '", printable(shell), "'");
  }
  return true;
}

}  // namespace gptkit
