#include "tasks/classify/labeller.h"

#include "base/error.h"
#include "base/log.h"
#include "tensors/device.h"

namespace gptkit {

namespace {

class FinetunedLabeller : public Labeller {
 public:
  explicit FinetunedLabeller(const ClassifyConfig& config)
      : model_(load_text_classifier(config.model.text)),
        options_{.batch_size = config.batch_size, .precision = config.precision} {
    model_.classifier->to(resolve_device(config.device));
    if (config.explain) options_.precision = Precision::kFloat32;  // differences of similar numbers
  }

  const std::vector<std::string>& labels() const override { return model_.labels; }
  const TextClassifier* classifier() const override { return &model_; }

  std::vector<Prediction> predict(const std::vector<std::string>& texts) override {
    auto predictions = classify(model_, texts, options_);
    for (const auto& prediction : predictions) truncated_ += prediction.truncated;
    return predictions;
  }
  std::string refusal(const std::string& text) const override {
    if (model_.truncate != Truncate::kRefuse) return {};
    const auto input = classifier_input(model_, text);
    if (!input.truncated) return {};
    return concat(input.ids.size(), " tokens, more than the classifier's ", model_.max_tokens,
                  ", and it was trained to refuse such texts");
  }
  void report() const override {
    if (truncated_ == 0) return;
    log_warning(truncated_, " text(s) were cut to the classifier's ", model_.max_tokens, " tokens");
  }

 private:
  TextClassifier model_;
  ClassifyOptions options_;
  int64_t truncated_ = 0;
};

class FewShotLabeller : public Labeller {
 public:
  explicit FewShotLabeller(const ClassifyConfig& config)
      : classifier_(make_few_shot_classifier(config.model.text, config.device, config.few_shot,
                                             config.shots, config.columns, config.strict)) {}

  const std::vector<std::string>& labels() const override { return classifier_.labels(); }

  std::vector<Prediction> predict(const std::vector<std::string>& texts) override {
    std::vector<Prediction> predictions;
    for (const auto& text : texts) {
      predictions.push_back(classifier_.predict(text));
      truncated_ += predictions.back().truncated;
      fewer_ += *predictions.back().shots < classifier_.shots();
    }
    return predictions;
  }
  void report() const override {
    if (fewer_ > 0) {
      log_warning(fewer_, " text(s) left room in the model's context for fewer than ",
                  classifier_.shots(), " examples");
    }
    if (truncated_ > 0) log_warning(truncated_, " text(s) were cut to the model's context");
  }

 private:
  FewShotClassifier classifier_;
  int64_t truncated_ = 0, fewer_ = 0;
};

}  // namespace

std::unique_ptr<Labeller> make_labeller(const ClassifyConfig& config) {
  if (config.few_shot.asked()) return std::make_unique<FewShotLabeller>(config);
  return std::make_unique<FinetunedLabeller>(config);
}

}  // namespace gptkit
