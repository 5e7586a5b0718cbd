#include "gptkit/perplexity.h"

#include <cmath>

#include "base/json.h"
#include "gptkit/inside/model_call.h"
#include "tasks/evaluate/evaluate.h"

namespace gptkit::api {

Perplexity perplexity(const std::string& model, const std::vector<std::filesystem::path>& files,
                      const LoadOptions& options) {
  return model_call([&] {
    PerplexityConfig config;
    config.model.text = model;
    config.device = options.device;
    const auto result = run_perplexity(config, files, options.threads);
    const auto loss = result.at("loss").get<double>();
    return Perplexity{.tokens = result.at("tokens").get<std::int64_t>(),
                      .loss = loss,
                      .perplexity = std::exp(loss)};
  });
}

}  // namespace gptkit::api
