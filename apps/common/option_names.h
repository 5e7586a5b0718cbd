#pragma once
// The library names settings by their config keys; a program says the same with its options.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

/// Rewrites a message of the library for the options of `command`: `top_k` becomes --top-k if there
/// is that option; `data.train=FILE` becomes --set data.train=FILE if there is none. Other keys
/// only lose their marks. Keeps nothing of `command`.
std::function<std::string(std::string_view)> option_names(const CLI::App& command);
/// The same where each of these keys has its option.
std::function<std::string(std::string_view)> option_names(const std::vector<std::string>& keys);

}  // namespace gptkit
