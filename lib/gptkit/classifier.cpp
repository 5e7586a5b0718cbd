#include "gptkit/classifier.h"

#include <torch/nn/module.h>

#include <utility>

#include "gptkit/inside/model_call.h"
#include "tasks/classify/classify.h"
#include "weights/bundle.h"

namespace gptkit::api {

struct Classifier::Impl {
  gptkit::TextClassifier model;
};

namespace {

Prediction outside(const gptkit::Prediction& prediction, const std::vector<std::string>& names) {
  const auto name = [&](std::int64_t label) { return names.at(static_cast<std::size_t>(label)); };
  Prediction result = {.label = name(prediction.label),
                       .probability = prediction.probability,
                       .probabilities = prediction.probabilities,
                       .labels = {},
                       .truncated = prediction.truncated};
  for (const auto label : prediction.labels) result.labels.push_back(name(label));
  return result;
}

}  // namespace

Classifier::Classifier(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Classifier Classifier::load(const std::string& path, const LoadOptions& options) {
  return model_call([&] {
    const auto device = device_of(options);
    auto impl = std::make_shared<Impl>(Impl{load_text_classifier(path)});
    impl->model.classifier->to(device);
    return Classifier(std::move(impl));
  });
}

const std::vector<std::string>& Classifier::labels() const { return impl_->model.labels; }

std::int64_t Classifier::max_tokens() const { return impl_->model.max_tokens; }

std::vector<Prediction> Classifier::classify(const std::vector<std::string>& texts) const {
  return model_call([&] {
    std::vector<Prediction> predictions;
    for (const auto& prediction : gptkit::classify(impl_->model, texts)) {
      predictions.push_back(outside(prediction, labels()));
    }
    return predictions;
  });
}

Prediction Classifier::classify(const std::string& text) const {
  return classify(std::vector<std::string>{text}).front();
}

}  // namespace gptkit::api
