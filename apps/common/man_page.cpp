#include <algorithm>
#include <cctype>
#include <sstream>
#include <string_view>

#include "base/strings.h"
#include "common/documentation.h"
#include "common/programs.h"

namespace gptkit {

namespace {

/// Text for roff: nothing in it is a request or an escape.
std::string roff(std::string_view text) {
  std::string escaped;
  if (text.starts_with('.') || text.starts_with('\'')) escaped = "\\&";
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\e";
    } else if (c == '-') {
      escaped += "\\-";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// Paragraphs; lines that are indented are examples and stay as they are.
std::string roff_text(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  bool example = false;
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with("  ");
    if (indented != example) out += indented ? ".PP\n.EX\n" : ".EE\n";
    example = indented;
    out += line.empty() ? (example ? "\n" : ".PP\n") : roff(line) + "\n";
  }
  return out + (example ? ".EE\n" : "");
}

std::string option_names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("\\fB\\-" + roff(name) + "\\fR");
  for (const auto& name : option.get_lnames()) names.push_back("\\fB\\-\\-" + roff(name) + "\\fR");
  auto text = join(names);
  if (option.get_items_expected_min() > 0) text += " \\fI" + roff(option.get_type_name()) + "\\fR";
  return text;
}

std::string options_text(const CLI::App& app) {
  std::string text;
  for (const auto* option : app.get_options()) {
    if (option->get_positional() || option->get_group().empty()) continue;
    auto about = option->get_description();
    if (!option->get_default_str().empty()) about += " [" + option->get_default_str() + "]";
    text += ".TP\n" + option_names_of(*option) + "\n" + roff(about) + "\n";
  }
  return text;
}

std::string synopsis(const CLI::App& app, const std::string& name) {
  std::string text = "\\fB" + roff(name) + "\\fR [\\fIOPTIONS\\fR]";
  for (const auto* option : app.get_options()) {
    if (option->get_positional()) text += " [\\fI" + roff(option->get_type_name()) + "\\fR]";
  }
  return text + "\n";
}

std::string header(std::string page, const std::string& version) {
  std::transform(page.begin(), page.end(), page.begin(), ::toupper);
  return concat(".TH ", roff(page), " 1 \"\" \"gptkit ", roff(version), "\" \"gptkit\"\n");
}

/// The first sentence, on one line.
std::string first_line(const std::string& help) {
  auto line = help.substr(0, help.find('\n'));
  line = line.substr(0, line.find(". "));
  if (line.ends_with('.') || line.ends_with(':')) line.pop_back();
  return line;
}

constexpr const char* kExitStatus =
    ".SH EXIT STATUS\n.TP\n0\ndone\n.TP\n1\nfailed while running\n.TP\n2\nwrong options, config or "
    "input file\n.TP\n130, 143, 129\nstopped by SIGINT, SIGTERM or SIGHUP, after saving\n";
constexpr const char* kEnvironment =
    ".SH ENVIRONMENT\n.TP\n.B GPTKIT_HOME\nfolder of models that are given by name "
    "[$XDG_CACHE_HOME/gptkit, else ~/.cache/gptkit]\n.TP\n.B GPTKIT_ISA\nlevel of the kernels: "
    "reference, avx2, avx512, avx512bf16 or amx [the highest of the machine]\n.TP\n"
    ".B OMP_NUM_THREADS\nthreads to compute with [the physical cores]\n.TP\n.B NO_COLOR\nno "
    "colours\n";

}  // namespace

std::string man_page(const CLI::App& app, const std::string& version) {
  const auto& shown = app.get_name();
  const auto name = shown.substr(shown.rfind(' ') + 1), called = "gptkit " + name;
  std::string text = header("gptkit-" + name, version);
  text += concat(".SH NAME\ngptkit\\-", roff(name), " \\- ",
                 roff(first_line(app.get_description())), "\n.SH SYNOPSIS\n");
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (app.get_require_subcommand_min() == 0) text += synopsis(app, called);
  for (const auto* command : commands) {
    text += text.ends_with("SYNOPSIS\n") ? "" : ".br\n";
    text += synopsis(*command, called + " " + command->get_name());
  }
  text += ".SH DESCRIPTION\n" + roff_text(app.get_description());
  text += ".SH OPTIONS\n" + options_text(app);
  for (const auto* command : commands) {
    text += concat(".SH COMMAND ", roff(command->get_name()), "\n",
                   roff_text(command->get_description()), options_text(*command));
  }
  return text + kExitStatus + kEnvironment + ".SH SEE ALSO\n.BR gptkit (1)\n";
}

std::string man_of_gptkit(const std::string& version) {
  std::string text = header("gptkit", version);
  text +=
      ".SH NAME\ngptkit \\- train, finetune and use GPT\\-style language models\n.SH SYNOPSIS\n"
      "\\fBgptkit\\fR \\fIPROGRAM\\fR [\\fIOPTIONS\\fR]\n.SH PROGRAMS\n";
  std::string pages;
  for (const auto& [name, line] : all_programs()) {
    text += concat(".TP\n.B ", roff(name), "\n", roff(line), "\n");
    pages += concat(pages.empty() ? "" : " ,\n", ".BR gptkit\\-", roff(name), " (1)");
  }
  return text + kExitStatus + kEnvironment + ".SH SEE ALSO\n" + pages + "\n";
}

}  // namespace gptkit
