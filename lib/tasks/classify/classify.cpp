#include "tasks/classify/classify.h"

#include <torch/types.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "kernels/fast_precision.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

constexpr int64_t kTokensAtOnce =
    2048;  // enough to use the processor fully; more would only cost memory

}  // namespace

Prediction prediction_of(std::vector<double> probabilities) {
  Prediction prediction{.probabilities = std::move(probabilities)};
  const auto& p = prediction.probabilities;
  prediction.label = std::max_element(p.begin(), p.end()) - p.begin();
  prediction.probability = p[static_cast<size_t>(prediction.label)];
  return prediction;
}

ClassifierInput classifier_input(const TextClassifier& model, std::string_view text) {
  ClassifierInput input{encode_text(*model.tokenizer, text)};
  input.truncated = truncate(input.ids, model.max_tokens, model.truncate, model.tokenizer->frame());
  if (input.ids.empty()) input.ids.push_back(model.pad_id);
  return input;
}

ClassifierBatch classifier_batch(const TextClassifier& model,
                                 const std::vector<std::vector<TokenId>>& rows) {
  const auto B = static_cast<int64_t>(rows.size());
  // last_position pooling reads the padding, so rows are always padded to max_tokens.
  const bool full = model.classifier->pooling() == Pooling::kLastPosition;
  int64_t T = full ? model.max_tokens : 1;
  for (const auto& row : rows) T = std::max<int64_t>(T, std::ssize(row));
  ClassifierBatch batch{torch::full({B, T}, model.pad_id, torch::kInt64), {}};
  for (int64_t b = 0; b < B; ++b) {
    const auto& row = rows[static_cast<size_t>(b)];
    std::copy(row.begin(), row.end(), batch.ids.mutable_data_ptr<int64_t>() + b * T);
    auto length = std::ssize(row);
    while (model.skips_padding && length > 1 &&
           row[static_cast<size_t>(length) - 1] == model.pad_id) {
      --length;
    }
    batch.lengths.push_back(std::max<int64_t>(1, length));
  }
  return batch;
}

torch::Tensor class_logits(const TextClassifier& model,
                           const std::vector<std::vector<TokenId>>& rows,
                           const ClassifyOptions& options) {
  require(options.batch_size >= 1, Key{"batch_size"}, ": ", options.batch_size,
          " is out of range; expected at least 1");
  torch::InferenceMode inference;
  auto classifier = model.classifier;
  const auto device = classifier->gpt()->device();
  const PrecisionScope scope(resolve_precision(options.precision, device), device);
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].size() < rows[b].size(); });
  const auto fits = [&](size_t begin, size_t end) {  // sorted: the next row is the longest
    const auto texts = static_cast<int64_t>(end - begin) + 1;
    return texts <= options.batch_size && texts * std::ssize(rows[order[end]]) <= kTokensAtOnce;
  };
  auto logits = torch::empty({std::ssize(rows), classifier->n_class()}, torch::kFloat64);
  for (size_t begin = 0; begin < order.size();) {
    stop_if_asked("stopped while classifying");
    std::vector<std::vector<TokenId>> chosen = {rows[order[begin]]};
    size_t end = begin + 1;
    while (end < order.size() && fits(begin, end)) chosen.push_back(rows[order[end++]]);
    const auto batch = classifier_batch(model, chosen);
    const auto some = classifier(batch.ids.to(device), batch.lengths)
                          .to(torch::kCPU, torch::kFloat64);  // (B,n_class)
    for (size_t i = begin; i < end; ++i) {
      logits[static_cast<int64_t>(order[i])].copy_(some[static_cast<int64_t>(i - begin)]);
    }
    begin = end;
  }
  require_finite_results(logits, model.where);
  return logits;
}

torch::Tensor class_scores(const torch::Tensor& logits, ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabel:
      return logits.softmax(-1);
    case ProblemType::kMultiLabel:
      return logits.sigmoid();
    case ProblemType::kRegression:
      return logits;
  }
  return logits;
}

std::vector<Prediction> classify(const TextClassifier& model, const std::vector<std::string>& texts,
                                 const ClassifyOptions& options) {
  std::vector<std::vector<TokenId>> rows;
  std::vector<bool> truncated;
  for (size_t i = 0; i < texts.size(); ++i) {
    auto input = classifier_input(model, texts[i]);
    require(!input.truncated || model.truncate != Truncate::kRefuse, "text ", i, " has ",
            input.ids.size(), " tokens, more than the classifier's ", model.max_tokens,
            ", and it was trained to refuse such texts; shorten it");
    truncated.push_back(input.truncated);
    rows.push_back(std::move(input.ids));
  }
  torch::InferenceMode inference;
  const auto probabilities =
      class_scores(class_logits(model, rows, options), model.problem_type).contiguous();
  const int64_t n = probabilities.size(1);
  std::vector<Prediction> predictions;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double* from = probabilities.const_data_ptr<double>() + static_cast<int64_t>(i) * n;
    predictions.push_back(prediction_of({from, from + n}));
    predictions.back().truncated = truncated[i];
  }
  return predictions;
}

}  // namespace gptkit
