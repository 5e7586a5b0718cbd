#pragma once
// What a program's options say in other forms: a man page, and completions for bash and zsh.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace gptkit {

/// roff for man(1), section 1, named gptkit-NAME.
std::string man_page(const CLI::App& app, const std::string& version);

/// The function _gptkit_NAME, which completes the arguments of NAME. For bash it needs the helpers
/// before it.
std::string bash_helpers();
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

/// Of gptkit itself: the functions of its programs have to stand before what chooses among them.
std::string bash_dispatch();
std::string zsh_dispatch();
std::string man_of_gptkit(const std::string& version);

/// Does what the hidden arguments `--man` and `--completion bash|zsh|bash-part|zsh-part` ask for;
/// returns false for any others.
bool print_documentation(const CLI::App& app, const std::vector<std::string>& arguments);

}  // namespace gptkit
