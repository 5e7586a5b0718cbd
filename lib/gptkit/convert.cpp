#include "gptkit/convert.h"

#include "base/json.h"
#include "gptkit/inside/model_call.h"
#include "tasks/convert/convert.h"

namespace gptkit::api {

void convert(const std::string& in, const std::filesystem::path& out,
             const ConvertOptions& options) {
  model_call([&] {
    ConvertConfig config;
    load_config(config, {.files = {},
                         .overrides = {{"to", yaml_text(options.to), "ConvertOptions"},
                                       {"dtype", yaml_text(options.dtype), "ConvertOptions"}}});
    config.overwrite = options.overwrite;
    run_convert(config, in, out);
  });
}

std::string inspect(const std::string& name_or_path) {
  return model_call([&] { return dump_json(inspect_model(name_or_path)); });
}

}  // namespace gptkit::api
