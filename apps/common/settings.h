#pragma once
// Options made from a config's visit_fields: the field `top_k` is the option --top-k, with the
// field's help text and default. What is typed becomes a ConfigOverride, so that options, --set and
// YAML files share one set of names, one number grammar and one set of errors.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "base/config.h"
#include "common/cli.h"

namespace gptkit {

/// -c and -s as what they mean for a config.
ConfigInputs to_inputs(const CommonOptions& options);

/// Further names of a field's option: {"max_new_tokens", "-n"}.
using OptionAliases = std::map<std::string, std::string>;

/// Adds one option per field of `defaults`; the values typed are appended to `overrides` while
/// parsing. A bool field is a flag, a list field may be repeated.
template <class Settings>
void add_settings(CLI::App& app, const Settings& defaults, std::vector<ConfigOverride>& overrides,
                  const OptionAliases& aliases = {}) {
  Settings copy = defaults;
  visit_fields(copy, [&](const std::string& key, auto& field, const std::string& help) {
    using Field = std::remove_reference_t<decltype(field)>;
    std::string option = "--" + key;
    std::replace(option.begin(), option.end(), '_', '-');
    std::string names = option;
    if (const auto alias = aliases.find(key); alias != aliases.end()) {
      names = alias->second + "," + names;
    }
    if constexpr (std::is_same_v<Field, bool>) {
      app.add_flag_callback(
          names,
          [&overrides, key, option] {
            overrides.push_back({key, "true", option});
          },
          help);
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
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    } else {
      constexpr bool kNumber = std::is_arithmetic_v<Field>;
      const auto shown = config_detail::scalar_to_yaml(field);
      auto* added = app.add_option_function<std::string>(
          names,
          [&overrides, key, option](const std::string& value) {
            overrides.push_back({key, kNumber ? value : yaml_text(value), option});
          },
          help);
      added->type_name(kNumber ? "NUMBER" : "TEXT");
      if (shown != "\"\"" && shown != "''") added->default_str(shown);
    }
  });
}

}  // namespace gptkit
