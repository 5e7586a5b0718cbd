#include "tasks/classify/few_shot.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "tensors/device.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr const char* kNothing[] = {"N/A", "[MASK]", ""};  // content-free texts

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

double log_sum_exp(const std::vector<double>& scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const auto score : scores) sum += std::exp(score - most);
  return most + std::log(sum);
}

std::vector<double> log_softmax(std::vector<double> scores) {
  const double sum = log_sum_exp(scores);
  for (auto& score : scores) score -= sum;
  return scores;
}

std::vector<double> softmax(std::vector<double> scores) {
  scores = log_softmax(std::move(scores));
  for (auto& score : scores) score = std::exp(score);
  return scores;
}

}  // namespace

FewShotClassifier::FewShotClassifier(Model model, const FewShotConfig& config, LabelledRows shown)
    : model_(std::move(model)), config_(config), shown_(std::move(shown)) {
  validate_labels(labels());
  for (const auto& a : labels()) {
    for (const auto& b : labels()) one_begins_another_ |= &a != &b && b.starts_with(a);
  }
}

std::string FewShotClassifier::prompt(const std::string& text, int64_t shots) const {
  std::string prompt = replaced(config_.instruction, "{labels}", join(labels()));
  if (!prompt.empty()) prompt += "\n\n";
  for (int64_t i = 0; i < shots; ++i) {
    const auto& example = shown_.rows[static_cast<size_t>(i)];
    prompt += config_.text_name + ": " + on_one_line(example.text) + "\n" + config_.label_name +
              ": " + labels()[static_cast<size_t>(example.label)] + "\n\n";
  }
  return prompt + config_.text_name + ": " + on_one_line(text) + "\n" + config_.label_name + ":";
}

std::vector<std::vector<TokenId>> FewShotClassifier::candidates(const std::string& text,
                                                                int64_t shots) const {
  const auto before = prompt(text, shots);
  std::vector<std::vector<TokenId>> ids;
  for (const auto& label : labels()) {
    // "good" would always beat "good enough": if one label begins another, the line end is scored,
    // too.
    const auto end = one_begins_another_ ? "\n" : "";
    ids.push_back(encode_beginning(*model_.text.tokenizer, concat(before, " ", label, end)));
  }
  return ids;
}

std::vector<double> FewShotClassifier::scores(const std::vector<std::vector<TokenId>>& candidates) {
  size_t shared = candidates.front().size();
  for (const auto& ids : candidates) {
    shared = std::min(shared, common_prefix(candidates.front(), ids));
  }
  require(shared >= 1, "few-shot: the prompts have no token in common before their labels");
  std::vector<ScoredText> texts;
  for (size_t i = 0; i < candidates.size(); ++i) {
    require(candidates[i].size() > shared, "few-shot: the tokens of label '", labels()[i],
            "' are the beginning of another's; choose labels that the tokenizer tells apart");
    texts.push_back({candidates[i], static_cast<int64_t>(shared)});
  }
  std::vector<double> scores;
  for (const auto& label : model_.scorer->log_likelihoods(texts)) {
    scores.push_back(std::accumulate(label.begin(), label.end(), 0.0));
  }
  return scores;
}

bool FewShotClassifier::fits(const std::string& text, int64_t shots) const {
  const auto context = model_.context;
  const auto all = candidates(text, shots);
  return std::all_of(all.begin(), all.end(), [&](const auto& ids) {
    return std::ssize(ids) - 1 <= context;  // the last token of a label is predicted, not read
  });
}

/// The longest beginning of a text, in whole characters, that fits without examples.
std::string FewShotClassifier::cut_to_context(const std::string& text) const {
  const auto beginning = [&](size_t bytes) {
    return text.substr(0, complete_utf8_prefix(std::string_view(text).substr(0, bytes)));
  };
  require(fits("", 0), "few-shot: instruction and labels alone are longer than the model's ",
          model_.context, " tokens; shorten ", Key{"instruction"});
  size_t good = 0, bad = text.size();
  while (good + 1 < bad) {
    const size_t middle = good + (bad - good) / 2;
    (fits(beginning(middle), 0) ? good : bad) = middle;
  }
  return beginning(good);
}

const std::vector<double>& FewShotClassifier::log_prior(int64_t shots) {
  if (const auto known = log_prior_.find(shots); known != log_prior_.end()) return known->second;
  // In logarithms, because the probability of an unlikely label could become 0, and 0 cannot be a
  // divisor.
  std::vector<std::vector<double>> found(labels().size());
  for (const char* nothing : kNothing) {
    const auto p = log_softmax(scores(candidates(nothing, shots)));
    for (size_t i = 0; i < p.size(); ++i) found[i].push_back(p[i]);
  }
  std::vector<double> prior;
  for (const auto& label : found) {
    prior.push_back(log_sum_exp(label) - std::log(static_cast<double>(std::size(kNothing))));
  }
  return log_prior_.emplace(shots, std::move(prior)).first->second;
}

Prediction FewShotClassifier::predict(const std::string& text, std::optional<int64_t> most) {
  stop_if_asked("stopped while classifying");
  const auto all_fit = [&](int64_t k) {
    if (!fits(text, k)) return false;
    return !config_.calibrate || std::all_of(std::begin(kNothing), std::end(kNothing),
                                             [&](const char* nothing) { return fits(nothing, k); });
  };
  int64_t k = std::min(most.value_or(shots()), shots());
  while (k > 0 && !all_fit(k)) --k;
  const bool cut = k == 0 && !fits(text, 0);
  auto values = scores(candidates(cut ? cut_to_context(text) : text, k));
  if (config_.calibrate) {
    const auto& prior = log_prior(k);
    for (size_t i = 0; i < values.size(); ++i) values[i] -= prior[i];
  }
  auto prediction = prediction_of(softmax(std::move(values)));
  prediction.truncated = cut;
  prediction.shots = k;
  return prediction;
}

FewShotClassifier::Model open_few_shot_model(const std::string& model, const std::string& device) {
  const auto where = resolve_device(device);
  if (where.is_cpu()) {
    auto opened = open_for_decoding(model, {.threads = at::get_num_threads()});
    const auto context = opened.model->config().context_length;
    const ModelText& text = opened;
    return {text, context, text_scorer(std::move(opened.model), text.where)};
  }
  auto opened = load_language_model(model);
  opened.gpt->to(where);
  return {opened, opened.gpt->config().context_length, text_scorer(opened.gpt, opened.where)};
}

FewShotClassifier make_few_shot_classifier(const std::string& model, const std::string& device,
                                           const FewShotConfig& config, int64_t shots,
                                           const TableColumns& columns, bool strict) {
  LabelledRows shown{split_labels(config.labels), {}};
  if (!shown.labels.empty()) validate_labels(shown.labels);
  require(config.seed >= 0, Key{"seed"}, ": ", config.seed, " is out of range; expected 0 or more");
  require(shots >= 0, Key{"shots"}, ": ", shots, " is out of range; expected 0 or more");
  require(shots == 0 || !config.examples.empty(), Key{"shots"}, ": ", shots,
          " examples need a labelled file; name one with ", Key{"examples"});
  if (!config.examples.empty()) {
    const auto rows = read_labelled_rows(config.examples, columns, shown.labels, strict);
    shown.labels = rows.labels;
    shown.rows = draw_examples(rows, shots, static_cast<uint64_t>(config.seed));
    if (shots == 0)
      log_info("no example is shown; ", Key{"shots"}, " K shows K of ", config.examples.string());
  }
  return FewShotClassifier(open_few_shot_model(model, device), config, std::move(shown));
}

}  // namespace gptkit
