#include "tasks/classify/decision.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/error.h"

namespace gptkit {

namespace {

size_t label_index(std::string_view label, const std::vector<std::string>& labels,
                   const Key& option) {
  const auto found = std::find(labels.begin(), labels.end(), label);
  std::string known;
  for (const auto& name : labels) known += (known.empty() ? "'" : ", '") + printable(name) + "'";
  require(found != labels.end(), option, ": '", printable(label),
          "' is not one of the labels; expected one of ", printable(known, 400));
  return static_cast<size_t>(found - labels.begin());
}

/// LABEL=PROBABILITY.
void set_threshold(const std::string& setting, const std::vector<std::string>& labels,
                   std::vector<double>& least) {
  const auto equals = setting.rfind('=');
  require(equals != setting.npos, Key{"thresholds"}, ": '", printable(setting),
          "' has no '='; expected LABEL=PROBABILITY");
  const auto number = std::string_view(setting).substr(equals + 1);
  double value = -1;
  const auto end = std::from_chars(number.data(), number.data() + number.size(), value);
  require(
      end.ec == std::errc() && end.ptr == number.data() + number.size() && value >= 0 && value <= 1,
      Key{"thresholds"}, ": '", printable(setting), "': '", printable(number),
      "' is out of range; expected a probability, 0 to 1");
  least[label_index(setting.substr(0, equals), labels, Key{"thresholds"})] = value;
}

}  // namespace

Decision::Decision(const ClassifyConfig& config, const std::vector<std::string>& labels,
                   ProblemType type)
    : type_(type), least_(labels.size(), config.threshold) {
  const bool plain = config.threshold == kDefaultThreshold;
  require(type != ProblemType::kRegression ||
              (plain && config.positive.empty() && config.thresholds.empty()),
          Key{"positive"}, " and ", Key{"threshold"},
          " choose labels by their probabilities, but this model is a regression: it gives values");
  require(type == ProblemType::kMultiLabel || config.thresholds.empty(), Key{"thresholds"},
          " is for multi-label models; this one gives each text one label. See ", Key{"positive"},
          " and ", Key{"threshold"});
  if (type == ProblemType::kMultiLabel) {
    require(config.positive.empty(), Key{"positive"},
            " is for models that choose between two labels; this model's labels are independent. "
            "Set a threshold for one of them with ",
            Key{"thresholds"}, " LABEL=PROBABILITY");
    for (const auto& setting : config.thresholds) set_threshold(setting, labels, least_);
    return;
  }
  require(!config.positive.empty() || plain, Key{"threshold"},
          " needs the label that it applies to: ", Key{"positive"}, " LABEL");
  if (config.positive.empty()) return;
  require(labels.size() == 2, Key{"positive"}, " and ", Key{"threshold"},
          " choose between two labels; this model has ", labels.size());
  positive_ = static_cast<int64_t>(label_index(config.positive, labels, Key{"positive"}));
}

void Decision::apply_(Prediction& prediction) const {
  const auto& p = prediction.probabilities;
  if (type_ == ProblemType::kMultiLabel) {
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i] >= least_[i]) prediction.labels.push_back(static_cast<int64_t>(i));
    }
  }
  if (positive_ < 0) return;
  const auto positive = static_cast<size_t>(positive_);
  prediction.label = p[positive] >= least_[positive] ? positive_ : 1 - positive_;
  prediction.probability = p[static_cast<size_t>(prediction.label)];
}

}  // namespace gptkit
