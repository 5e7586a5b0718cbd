#include "tasks/classify/explain.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "tasks/classify/classify.h"
#include "tensors/finite.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

/// logits (N,n_class) -> (N): log(p / (1 - p)) of one class; for a regression the value.
torch::Tensor log_odds(const TextClassifier& model, const torch::Tensor& logits, int64_t label) {
  if (model.problem_type != ProblemType::kSingleLabel) return logits.select(1, label);
  const int64_t n = logits.size(1);
  const auto others = torch::cat({logits.slice(1, 0, label), logits.slice(1, label + 1, n)}, 1);
  return logits.select(1, label) - others.logsumexp(1);
}

/// Marks the ids of the text itself, without the tokens that the tokenizer adds around every text.
struct Range {
  size_t begin = 0, end = 0;
};
Range text_range(const TextClassifier& model, const std::vector<TokenId>& ids) {
  const auto [before, behind] = model.tokenizer->frame();
  if (ids.size() < before.size() + behind.size()) return {ids.size(), ids.size()};
  return {before.size(), ids.size() - behind.size()};
}

std::vector<double> leave_one_out(const TextClassifier& model, const std::vector<TokenId>& ids,
                                  Range text, const Explanation& whole, int64_t batch_size) {
  std::vector<double> contributions;
  for (size_t begin = text.begin; begin < text.end; begin += static_cast<size_t>(batch_size)) {
    const size_t end = std::min(text.end, begin + static_cast<size_t>(batch_size));
    std::vector<std::vector<TokenId>> rows;
    for (size_t i = begin; i < end; ++i) {
      rows.push_back(ids);
      rows.back().erase(rows.back().begin() + static_cast<std::ptrdiff_t>(i));
    }
    const auto without =
        log_odds(model, class_logits(model, rows, {.batch_size = batch_size}), whole.label)
            .contiguous();
    for (size_t i = begin; i < end; ++i) {
      contributions.push_back(whole.log_odds -
                              without.const_data_ptr<double>()[static_cast<int64_t>(i - begin)]);
    }
  }
  return contributions;
}

/// While this object exists, a table replaces the token embeddings.
class OtherEmbeddings {
 public:
  OtherEmbeddings(Embedding embedding, const torch::Tensor& table)
      : embedding_(std::move(embedding)), before_(embedding_->weight) {
    embedding_->weight = table;
  }
  ~OtherEmbeddings() { embedding_->weight = before_; }
  OtherEmbeddings(const OtherEmbeddings&) = delete;
  OtherEmbeddings& operator=(const OtherEmbeddings&) = delete;

 private:
  Embedding embedding_;
  torch::Tensor before_;
};

/// Each position looks up its own row, so that the gradient of the table has one row per position.
std::vector<double> gradient_times_input(const TextClassifier& model,
                                         const std::vector<TokenId>& row, Range text,
                                         int64_t label) {
  const torch::AutoGradMode with_gradient(true);
  auto classifier = model.classifier;
  const auto embedding = classifier->gpt()->token_embedding();
  const auto batch = classifier_batch(model, {row});
  const auto device = embedding->weight.device();
  const auto vectors =
      embedding->weight.detach().index_select(0, batch.ids[0].to(device)).requires_grad_();
  // A product, because hand-written backward passes store the gradient of a leaf elsewhere.
  const auto table = vectors * 1;  // (T,C)
  const OtherEmbeddings swapped(embedding, table);
  const auto ids = torch::arange(table.size(0), torch::kInt64).unsqueeze(0).to(device);
  const auto value = log_odds(model, classifier(ids, batch.lengths), label);
  const auto gradient = torch::autograd::grad({value}, {vectors}).front();
  require_finite_results(gradient, model.where);
  const auto products =
      (gradient * vectors.detach()).sum(1).to(torch::kCPU, torch::kFloat64).contiguous();
  const auto* from = products.const_data_ptr<double>();
  return {from + text.begin, from + text.end};
}

}  // namespace

Explanation explain(const TextClassifier& model, const std::string& text, int64_t label,
                    const ExplainOptions& options) {
  require(label >= 0 && label < model.classifier->n_class(), "explain: class ", label,
          " is none of the classifier's ", model.classifier->n_class());
  require(options.batch_size >= 1, Key{"batch_size"}, ": ", options.batch_size,
          " is out of range; expected at least 1");
  const auto ids = classifier_input(model, text).ids;
  const Range range = text_range(model, ids);
  Explanation explanation{.label = label};
  explanation.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(range.begin),
                         ids.begin() + static_cast<std::ptrdiff_t>(range.end));
  explanation.log_odds = log_odds(model, class_logits(model, {ids}), label).item<double>();
  if (explanation.ids.empty()) return explanation;
  explanation.contributions =
      options.method == ExplainMethod::kGradient
          ? gradient_times_input(model, ids, range, label)
          : leave_one_out(model, ids, range, explanation, options.batch_size);
  return explanation;
}

std::vector<ExplainedPiece> to_pieces(const Tokenizer& tokenizer, const Explanation& explanation) {
  std::vector<ExplainedPiece> pieces;
  const bool words = tokenizer.algorithm() == "word";
  bool open = false;  // the last piece ends inside a character
  for (size_t i = 0; i < explanation.ids.size(); ++i) {
    if (!open) pieces.emplace_back();
    auto& piece = pieces.back();
    piece.ids.push_back(explanation.ids[i]);
    piece.contribution += explanation.contributions[i];
    // Word tokenizers drop blanks, but the output needs them.
    if (words && i > 0) piece.text += ' ';
    piece.text += tokenizer.token_bytes(explanation.ids[i]);
    open = complete_utf8_prefix(piece.text) < piece.text.size();
  }
  for (auto& piece : pieces) piece.text = replace_invalid_utf8(piece.text);
  return pieces;
}

}  // namespace gptkit
