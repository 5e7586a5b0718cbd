#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "data/random_order.h"
#include "report/metrics_report.h"
#include "tasks/evaluate/evaluate.h"
#include "tensors/device.h"

namespace gptkit {

namespace {

std::vector<int64_t> parse_shots(const std::string& text) {
  std::vector<int64_t> shots;
  for (std::string_view rest = text;; rest.remove_prefix(rest.find(',') + 1)) {
    const auto one = rest.substr(0, rest.find(','));
    int64_t k = -1;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), k);
    require(error == std::errc() && end == one.data() + one.size() && k >= 0, Key{"shots"}, ": '",
            printable(one), "' in '", printable(text),
            "' is not a number of examples; expected numbers from 0, separated by commas, for "
            "example 0,1,3,5");
    shots.push_back(k);
    if (rest.find(',') == rest.npos) return shots;
  }
}

/// Removes the texts that are shown as examples; then, if requested, draws some of the rest and
/// keeps their order.
std::vector<LabelledText> choose_rows(std::vector<LabelledText> rows,
                                      const std::vector<LabelledText>& examples,
                                      const FewShotEvaluationConfig& config) {
  std::set<std::string_view> shown;
  for (const auto& example : examples) shown.insert(example.text);
  const auto removed =
      std::erase_if(rows, [&](const LabelledText& row) { return shown.contains(row.text); });
  if (removed > 0) log_info(removed, " test row(s) with the text of an example are left out");
  require(!rows.empty(), config.test.string(),
          ": all test rows are examples of the prompt; name other test rows");
  if (config.rows == 0 || config.rows >= std::ssize(rows)) return rows;
  auto chosen = torch_permutation(static_cast<uint64_t>(config.few_shot.seed), std::ssize(rows));
  chosen.resize(static_cast<size_t>(config.rows));
  std::sort(chosen.begin(), chosen.end());
  std::vector<LabelledText> some;
  for (const auto row : chosen) some.push_back(std::move(rows[static_cast<size_t>(row)]));
  return some;
}

double majority(const std::vector<LabelledText>& rows, int64_t n_label) {
  const auto counts = class_counts(rows, n_label);
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(rows.size());
}

OrderedJson evaluate_at(FewShotClassifier& classifier, const std::vector<LabelledText>& rows,
                        int64_t shots, Progress& progress, int64_t& done) {
  std::vector<int64_t> truth, predicted;
  int64_t fewer = 0, truncated = 0;
  for (const auto& row : rows) {
    const auto prediction = classifier.predict(row.text, shots);
    truth.push_back(row.label);
    predicted.push_back(prediction.label);
    fewer += *prediction.shots < shots;
    truncated += prediction.truncated;
    progress.update(++done);
  }
  const auto metrics = classification_metrics(truth, predicted, classifier.labels());
  return {{"shots", shots},
          {"accuracy", metrics.accuracy},
          {"fewer_shots", fewer},
          {"truncated", truncated},
          {"report", to_json(metrics)}};
}

void validate(const FewShotEvaluationConfig& config) {
  require(!config.model.empty(), "no model; name a folder or smollm2-135m-instruct ... with ",
          Key{"model"});
  require(!config.test.empty(), "no test rows; name a labelled file with ", Key{"test"});
  require(config.rows >= 0, Key{"rows"}, ": ", config.rows, " is out of range; expected 0 or more");
  require(config.few_shot.asked(), "no labels; give ", Key{"labels"}, " spam,ham or ",
          Key{"examples"}, " FILE");
}

}  // namespace

OrderedJson run_few_shot_evaluation(const FewShotEvaluationConfig& config, int threads) {
  validate(config);
  const auto shots = parse_shots(config.shots);
  const auto most = *std::max_element(shots.begin(), shots.end());
  set_threads(threads);
  auto classifier = make_few_shot_classifier(config.model.text, config.device, config.few_shot,
                                             most, config.columns, config.strict);
  const auto& labels = classifier.labels();
  const auto rows =
      choose_rows(read_labelled_rows(config.test, config.columns, labels, config.strict).rows,
                  classifier.examples(), config);
  OrderedJson result = {{"rows", rows.size()},
                        {"labels", labels},
                        {"majority", majority(rows, std::ssize(labels))},
                        {"calibrated", config.few_shot.calibrate},
                        {"results", OrderedJson::array()}};
  Progress progress("evaluating", std::ssize(rows) * std::ssize(shots), "texts");
  int64_t done = 0;
  watch_stop_signals();
  try {
    for (const auto k : shots) {
      result["results"].push_back(evaluate_at(classifier, rows, k, progress, done));
    }
  } catch (const Stopped& stopped) {
    throw Stopped(stopped.signal(), concat("stopped after ", done, " of ",
                                           std::ssize(rows) * std::ssize(shots), " texts"));
  }
  return result;
}

std::string few_shot_table(const OrderedJson& result) {
  std::string text = concat(result.at("rows").get<int64_t>(), " rows");
  std::array<char, 96> line{};
  std::snprintf(line.data(), line.size(), "; accuracy of the most frequent label: %.4f\n",
                result.at("majority").get<double>());
  text += line.data();
  text += "shots  accuracy  fewer shots  cut\n";
  for (const auto& row : result.at("results")) {
    std::snprintf(line.data(), line.size(), "%5lld  %8.4f  %11lld  %3lld\n",
                  row.at("shots").get<long long>(), row.at("accuracy").get<double>(),
                  row.at("fewer_shots").get<long long>(), row.at("truncated").get<long long>());
    text += line.data();
  }
  return text;
}

}  // namespace gptkit
