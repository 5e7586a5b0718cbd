#include "common/settings.h"

#include "base/error.h"

namespace gptkit {

namespace {

/// "key=value" behind an option.
ConfigOverride to_override(const std::string& option, const std::string& setting,
                           const std::string& example) {
  const auto equals = setting.find('=');
  require(equals != std::string::npos && equals > 0, option, " ", printable(setting),
          ": expected KEY=VALUE, for example ", option, " ", example);
  require(equals + 1 < setting.size(), option, " ", printable(setting),
          ": no value; an empty text is ", printable(setting), "'\"\"'");
  return {setting.substr(0, equals), setting.substr(equals + 1), option};
}

}  // namespace

ConfigInputs to_inputs(const CommonOptions& options) {
  ConfigInputs inputs;
  for (const auto& file : options.config_files) inputs.files.emplace_back(file);
  for (const auto& set : options.sets) {
    inputs.overrides.push_back(to_override("--set", set, "train.lr=1e-4"));
  }
  return inputs;
}

void add_section_option(CLI::App& app, const std::string& option, const std::string& example,
                        std::vector<ConfigOverride>& overrides, const std::string& help) {
  const auto add = [&overrides, option, example](const std::vector<std::string>& settings) {
    for (const auto& setting : settings) {
      auto override = to_override(option, setting, example);
      override.key = option.substr(2) + "." + override.key;
      overrides.push_back(std::move(override));
    }
  };
  app.add_option_function<std::vector<std::string>>(option, add, help + " (may repeat)")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("KEY=VALUE");
}

}  // namespace gptkit
