#include "common/option_names.h"

#include <algorithm>
#include <set>

namespace gptkit {

namespace {

bool is_key(std::string_view text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos;
}

std::string dashed(std::string key) {
  std::replace(key.begin(), key.end(), '_', '-');
  return key;
}

/// What stands for the key `marked` ("top_k", "data.train=FILE").
std::string shown_key(const std::set<std::string>& options, std::string_view marked) {
  const auto equals = std::min(marked.find('='), marked.size());
  const auto option = dashed(std::string(marked.substr(0, equals)));
  const bool has_value = equals < marked.size();
  if (options.contains(option)) {
    return "--" + option + (has_value ? " " + std::string(marked.substr(equals + 1)) : "");
  }
  return (has_value && options.contains("set") ? "--set " : "") + std::string(marked);
}

std::string with_options(const std::set<std::string>& options, std::string_view message) {
  std::string text;
  while (true) {
    const auto begin = message.find('`');
    const auto end = begin == message.npos ? begin : message.find('`', begin + 1);
    if (end == message.npos) return text.append(message);
    const auto marked = message.substr(begin + 1, end - begin - 1);
    const bool key = is_key(marked.substr(0, marked.find('=')));
    text.append(message.substr(0, begin));
    text.append(key ? shown_key(options, marked) : std::string(message.substr(begin, end - begin)));
    message.remove_prefix(key ? end + 1 : end);
  }
}

}  // namespace

std::function<std::string(std::string_view)> option_names(const CLI::App& command) {
  std::set<std::string> options;
  for (const auto* option : command.get_options()) {
    options.insert(option->get_lnames().begin(), option->get_lnames().end());
  }
  return [options](std::string_view message) { return with_options(options, message); };
}

std::function<std::string(std::string_view)> option_names(const std::vector<std::string>& keys) {
  std::set<std::string> options;
  for (const auto& key : keys) options.insert(dashed(key));
  return [options](std::string_view message) { return with_options(options, message); };
}

}  // namespace gptkit
