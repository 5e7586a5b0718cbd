#include "tasks/finetune_classify/folds.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "tasks/finetune_classify/finetuning.h"

namespace gptkit {

namespace {

double validation_share(const SplitShares& split) {
  return split.validation.value_or(1 - split.train.value_or(0) - split.test.value_or(0));
}

/// The data of fold `i`: the fold is for testing, a part of the rest for validation, and the
/// remainder for training.
ClassificationData fold_data(const std::vector<std::vector<LabelledText>>& folds, size_t i,
                             const ClassificationData& all, const FinetuneClassifyConfig& config) {
  ClassificationData data;
  data.labels = all.labels;
  std::vector<LabelledText> rest;
  for (size_t f = 0; f < folds.size(); ++f) {
    auto& part = f == i ? data.test : rest;
    part.insert(part.end(), folds[f].begin(), folds[f].end());
  }
  const int64_t parts = std::max<int64_t>(2, std::llround(1 / validation_share(config.data.split)));
  const auto cut = stratified_folds(rest, data.labels, parts, data_seed(config));
  data.validation = cut.front();
  for (size_t p = 1; p < cut.size(); ++p) {
    data.train.insert(data.train.end(), cut[p].begin(), cut[p].end());
  }
  return data;
}

OrderedJson to_json(const Spread& spread) {
  return {{"mean", spread.mean}, {"smallest", spread.smallest}, {"largest", spread.largest}};
}

template <class Metric>
Spread over_folds(const std::vector<ClassificationMetrics>& folds, const Metric& metric) {
  std::vector<double> values;
  for (const auto& fold : folds) values.push_back(metric(fold));
  return spread_of(values);
}

/// `tests`: the part of each fold's report about its test rows.
OrderedJson folds_report(OrderedJson tests, const std::vector<ClassificationMetrics>& folds,
                         const std::vector<std::string>& labels) {
  OrderedJson report;
  report["folds"] = std::move(tests);
  report["accuracy"] = to_json(over_folds(folds, [](const auto& fold) { return fold.accuracy; }));
  for (size_t c = 0; c < labels.size(); ++c) {
    report["f1"][labels[c]] =
        to_json(over_folds(folds, [&](const auto& fold) { return fold.classes.at(c).f1; }));
  }
  return report;
}

/// A fold uses the settings of the whole run, so it cannot be resumed alone.
void refuse_lone_fold(const TaskRequest& request) {
  std::error_code ignored;
  const auto all = fs::weakly_canonical(request.out, ignored).parent_path();
  const bool lone = request.mode == RunMode::kResume && fs::exists(request.out / "metrics.jsonl");
  require(!lone, request.out.string(), ": is one fold of several; resume all of them with ",
          Key{"out"}, " ", all.string(), " ", Key{"resume"});
}

}  // namespace

Spread spread_of(const std::vector<double>& values) {
  const auto [smallest, largest] = std::ranges::minmax(values);
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), smallest, largest};
}

FinetuneClassifySummary run_folds(const FinetuningJob& job, const TaskRequest& request,
                                  const RunFolderOptions& options) {
  const auto& [config, world, device, data] = job;
  auto rows = data.train;
  rows.insert(rows.end(), data.validation.begin(), data.validation.end());
  rows.insert(rows.end(), data.test.begin(), data.test.end());
  const auto folds = stratified_folds(rows, data.labels, config.data.folds, data_seed(config));
  refuse_lone_fold(request);
  const RunFolder run(request.out, request.mode, options);
  run.write_config(config_to_yaml(config), restated_config<FinetuneClassifyConfig>);
  FinetuneClassifySummary all{.run = request.out};
  auto tests = OrderedJson::array();
  for (size_t i = 0; i < folds.size(); ++i) {
    log_info("fold ", i + 1, " of ", folds.size());
    const auto part = fold_data(folds, i, data, config);
    const auto folder = request.out / concat("fold-", i + 1);
    const auto mode = run.mode_of(folder);
    const auto summary =
        finetune({config, world, device, part}, folder, mode,
                 {.inputs = options.inputs, .outer = &run, .writes = options.writes});
    all.train.steps += summary.train.steps;
    all.train.tokens += summary.train.tokens;
    all.train.seconds += summary.train.seconds;
    all.train.was_finished = summary.train.was_finished && (i == 0 || all.train.was_finished);
    all.trainable_parameters = summary.trainable_parameters;
    if (!world.is_main()) continue;
    all.folds.push_back(summary.splits.at("test"));
    tests.push_back(summary.report.at("test"));
  }
  if (!world.is_main()) return all;
  all.report = folds_report(std::move(tests), all.folds, data.labels);
  write_file_atomic(request.out / "report.json", dump_json(all.report, 2) + "\n");
  return all;
}

}  // namespace gptkit
