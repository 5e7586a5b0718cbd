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

/// Rows and labels, without probabilities.
SplitPredictions rows_of_split(const std::string& name, const std::vector<LabelledText>& rows,
                               const ClassificationDataset& set) {
  SplitPredictions split{.name = name};
  for (const auto& row : rows) {
    split.texts.push_back(row.text);
    split.rows.push_back(row.row);
    split.truth.push_back(row.label);
  }
  split.truncated = set.truncated();
  return split;
}

/// logits (N,n_class), float64 on the CPU.
void add_probabilities(const torch::Tensor& logits, SplitPredictions& split) {
  for (const auto& row : logits.softmax(-1).unbind()) {
    const auto* p = row.const_data_ptr<double>();
    split.probabilities.emplace_back(p, p + row.size(0));
  }
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
  require(config.target_precision > 0 && config.target_precision <= 1,
          Key{"report.target_precision"}, ": ", config.target_precision,
          " is out of range; expected more than 0 and at most 1");
  require(config.mistakes >= 0 && config.mistakes <= 1000, Key{"report.mistakes"}, ": ",
          config.mistakes, " is out of range; expected 0 to 1000");
  require(config.positive.empty() ||
              std::find(labels.begin(), labels.end(), config.positive) != labels.end(),
          Key{"report.positive"}, ": '", config.positive, "' is not a label of the data");
}

SplitPredictions predictions_of(const std::string& name, const std::vector<LabelledText>& rows,
                                const ClassificationDataset& set, const torch::Tensor& logits) {
  auto split = rows_of_split(name, rows, set);
  add_probabilities(logits, split);
  return split;
}

SplitPredictions predict_split(const TextClassifier& model, const std::string& name,
                               const std::vector<LabelledText>& rows,
                               const ClassificationDataset& set, Precision precision) {
  constexpr std::ptrdiff_t kChunk = 256;
  auto split = rows_of_split(name, rows, set);
  Progress progress("classifying " + name, std::ssize(rows), "texts");
  const auto& ids = set.ids();
  for (auto begin = ids.begin(); begin != ids.end();) {
    const auto end = begin + std::min(kChunk, ids.end() - begin);
    add_probabilities(class_logits(model, {begin, end}, {.precision = precision}), split);
    begin = end;
    progress.update(end - ids.begin());
  }
  return split;
}

ClassifierReport make_trust_report(const TextClassifier& model, const TrustReportConfig& config,
                                   ClassifierReportInput input,
                                   const std::vector<double>& class_weights) {
  input.labels = model.labels;
  input.positive_label = config.positive;
  input.target_precision = config.target_precision;
  input.max_mistakes = config.mistakes;
  input.max_tokens = model.max_tokens;
  if (config.baselines) {
    log_info("training simpler methods for comparison");
    const auto& train = input.splits.front();
    for (const auto& baseline :
         train_baselines(train.texts, train.truth, std::ssize(model.labels), class_weights)) {
      input.baselines.push_back(predict(baseline, input.splits));
    }
  }
  return make_classifier_report(input);
}

void write_trust_report(const ClassifierReport& report, const std::filesystem::path& folder) {
  write_file_atomic(folder / "report.json", dump_json(to_json(report), 2) + "\n");
  write_file_atomic(folder / "report.txt", to_text(report));
  write_file_atomic(folder / "report.html", to_html(report));
}

}  // namespace gptkit
