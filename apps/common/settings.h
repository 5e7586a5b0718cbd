#pragma once
// Options made from a config's visit_fields: the field `top_k` is the option --top-k, with the
// field's help text and default. What is typed becomes a ConfigOverride, so that options, --set and
// YAML files share one set of names, one number grammar and one set of errors.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/config/config.h"
#include "common/cli.h"
#include "common/option_names.h"

namespace gptkit {

/// -c and -s as what they mean for a config.
ConfigInputs to_inputs(const CommonOptions& options);

/// Further names of a field's option: {"max_new_tokens", "-n"}.
using OptionAliases = std::map<std::string, std::string>;

/// What an option takes, for --help and for completions: NUMBER, FILE, PATH, TEXT, or the names of
/// an enum as "hf|gguf|llmc".
template <class Value>
std::string value_name(const Value& initial) {
  if constexpr (std::is_enum_v<Value>) {
    std::string names;
    for (const auto& [name, value] : enum_names(initial)) {
      names += (names.empty() ? "" : "|") + std::string(name);
    }
    return names;
  } else if constexpr (std::is_same_v<Value, std::filesystem::path>) {
    return "FILE";
  } else if constexpr (std::is_same_v<Value, NameOrPath>) {
    return "PATH";
  } else {
    return std::is_arithmetic_v<Value> ? "NUMBER" : "TEXT";
  }
}

/// Adds one option per field of `defaults`; the values typed are appended to `overrides` while
/// parsing. A bool field is a flag, an optional bool two (--key, --no-key), a list field may be
/// repeated; a section has no option of its own (--set section.key=value).
template <class Settings>
void add_settings(CLI::App& app, const Settings& defaults, std::vector<ConfigOverride>& overrides,
                  const OptionAliases& aliases = {}) {
  Settings copy = defaults;
  const auto form = option_names(config_detail::field_names(copy));
  visit_fields(copy, [&](const std::string& key, auto& field, const char* text_of_field) {
    const auto help = form(text_of_field);
    using Field = std::remove_reference_t<decltype(field)>;
    std::string option = "--" + key;
    std::replace(option.begin(), option.end(), '_', '-');
    std::string names = option;
    if (const auto alias = aliases.find(key); alias != aliases.end()) {
      names = alias->second + "," + names;
    }
    const auto add_flag = [&](const std::string& flag, const char* value, const std::string& text) {
      app.add_flag_callback(
          flag,
          [&overrides, key, option, value] {
            overrides.push_back({key, value, option});
          },
          text);
    };
    if constexpr (std::is_same_v<Field, bool>) {
      add_flag(names, "true", help);
    } else if constexpr (std::is_same_v<Field, std::optional<bool>>) {
      add_flag(names, "true", help);
      add_flag("--no-" + option.substr(2), "false", "the opposite of " + option);
    } else if constexpr (config_detail::IsVector<Field>::value) {
      app.add_option_function<std::vector<std::string>>(
             names,
             [&overrides, key, option](const std::vector<std::string>& values) {
               std::string list;
               for (const auto& value : values)
                 list += (list.empty() ? "[" : ", ") + yaml_text(value);
               overrides.push_back({key, list + "]", option});
             },
             help + " (may repeat)")
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
          ->type_name(value_name(typename Field::value_type{}));
    } else if constexpr (config_detail::Scalar<Field> || config_detail::IsOptional<Field>::value) {
      const auto initial = config_detail::value_or_default(field);
      constexpr bool kNumber = std::is_arithmetic_v<std::remove_const_t<decltype(initial)>>;
      const auto shown = config_detail::IsOptional<Field>::value
                             ? std::string("\"\"")
                             : config_detail::scalar_to_yaml(initial);
      auto* added = app.add_option_function<std::string>(
          names,
          [&overrides, key, option](const std::string& typed) {
            overrides.push_back({key, kNumber ? typed : yaml_text(typed), option});
          },
          help);
      added->type_name(key == "device" ? "DEVICE" : value_name(initial));
      if (shown != "\"\"" && shown != "''") added->default_str(shown);
    }
  });
}

/// An option that sets keys of the section of its own name: --filter KEY=VALUE.
void add_section_option(CLI::App& app, const std::string& option, const std::string& example,
                        std::vector<ConfigOverride>& overrides, const std::string& help);

}  // namespace gptkit
