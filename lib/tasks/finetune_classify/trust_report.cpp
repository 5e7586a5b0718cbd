#include "tasks/finetune_classify/trust_report.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "baselines/baseline.h"
#include "report/classifier_page.h"
#include "tasks/classify/classify.h"

namespace gptkit {

namespace {

SplitPredictions predict(const TextClassifier& model, const std::string& name,
                         const std::vector<LabelledText>& rows, const TrustReportOptions& options) {
  constexpr size_t kChunk = 256;
  SplitPredictions split{.name = name};
  for (const auto& row : rows) {
    split.texts.push_back(row.text);
    split.rows.push_back(row.row);
    split.truth.push_back(row.label);
  }
  if (const auto known = options.known.find(name); known != options.known.end()) {
    for (const auto& row : known->second.logits.softmax(-1).unbind()) {
      const auto* p = row.const_data_ptr<double>();
      split.probabilities.emplace_back(p, p + row.size(0));
    }
    split.truncated = known->second.truncated;
    return split;
  }
  Progress progress("classifying " + name, std::ssize(rows), "texts");
  for (size_t begin = 0; begin < rows.size(); begin += kChunk) {
    const size_t end = std::min(rows.size(), begin + kChunk);
    const std::vector<std::string> texts(split.texts.begin() + static_cast<std::ptrdiff_t>(begin),
                                         split.texts.begin() + static_cast<std::ptrdiff_t>(end));
    for (auto& prediction : classify(model, texts, {.precision = options.precision})) {
      split.probabilities.push_back(std::move(prediction.probabilities));
      split.truncated += prediction.truncated;
    }
    progress.update(static_cast<int64_t>(end));
  }
  return split;
}

BaselinePredictions predict(const Baseline& baseline, const std::vector<SplitPredictions>& splits) {
  BaselinePredictions made{.name = baseline.name, .description = baseline.description};
  const auto began = std::chrono::steady_clock::now();
  for (const auto& split : splits) made.probabilities[split.name] = baseline.predict(split.texts);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
  made.seconds = baseline.seconds + spent.count();
  return made;
}

}  // namespace

void validate(const TrustReportConfig& config, const std::vector<std::string>& labels) {
  require(config.precision > 0 && config.precision <= 1, "report.precision: ", config.precision,
          " is out of range; expected more than 0 and at most 1");
  require(config.mistakes >= 0 && config.mistakes <= 1000, "report.mistakes: ", config.mistakes,
          " is out of range; expected 0 to 1000");
  require(config.positive.empty() ||
              std::find(labels.begin(), labels.end(), config.positive) != labels.end(),
          "report.positive: '", config.positive, "' is none of the data's labels");
}

ClassifierReport make_trust_report(const TextClassifier& model, const ClassificationData& data,
                                   const TrustReportConfig& config, ClassifierReportInput about,
                                   const TrustReportOptions& options) {
  about.labels = model.labels;
  about.positive_label = config.positive;
  about.target_precision = config.precision;
  about.max_mistakes = config.mistakes;
  about.max_tokens = model.max_tokens;
  about.skipped_empty = data.skipped_empty;
  about.splits.push_back(predict(model, "train", data.train, options));
  about.splits.push_back(predict(model, "validation", data.validation, options));
  if (!data.test.empty()) about.splits.push_back(predict(model, "test", data.test, options));
  if (config.baselines) {
    log_info("training the simpler methods that the classifier is compared with");
    for (const auto& baseline :
         train_baselines(about.splits.front().texts, about.splits.front().truth,
                         std::ssize(model.labels), options.class_weights)) {
      about.baselines.push_back(predict(baseline, about.splits));
    }
  }
  return make_classifier_report(about);
}

void write_trust_report(const ClassifierReport& report, const std::filesystem::path& folder) {
  write_file_atomic(folder / "report.json", dump_json(to_json(report), 2) + "\n");
  write_file_atomic(folder / "report.txt", to_text(report));
  write_file_atomic(folder / "report.html", to_html(report));
}

}  // namespace gptkit
