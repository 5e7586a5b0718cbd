#include "common/settings.h"

#include "base/error.h"

namespace gptkit {

ConfigInputs to_inputs(const CommonOptions& options) {
  ConfigInputs inputs;
  for (const auto& file : options.config_files) inputs.files.emplace_back(file);
  for (const auto& set : options.sets) {
    const auto equals = set.find('=');
    require(equals != std::string::npos && equals > 0, "--set ", set,
            ": expected a.b=value, for example --set train.lr=1e-4");
    require(equals + 1 < set.size(), "--set ", set, ": no value; an empty text is ", set, "'\"\"'");
    inputs.overrides.push_back({set.substr(0, equals), set.substr(equals + 1), "--set"});
  }
  return inputs;
}

}  // namespace gptkit
