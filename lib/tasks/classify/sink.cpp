#include "tasks/classify/sink.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "report/format.h"
#include "tasks/classify/classify_evaluation.h"
#include "tasks/classify/explain_view.h"

namespace gptkit {

namespace {

std::string name_of(ProblemType type) {
  for (const auto& [name, value] : enum_names(ProblemType{})) {
    if (value == type) return name;
  }
  return {};
}

/// Writes a line or a JSON object per text, and the page.
class Writer : public Sink {
 public:
  Writer(const ClassifyConfig& config, const ClassifyRequest& request, const Labeller& labeller,
         bool numbered, std::ostream& out)
      : config_(config), labeller_(labeller), json_(request.json), numbered_(numbered), out_(out) {
    color_ = config.color == Color::kAlways || (config.color == Color::kAuto && request.colours);
    if (!config.html.empty()) {
      const bool exact = config.explain_method == ExplainMethod::kLeaveOneOut;
      page_.emplace(config.html,
                    PageHead{config.model.text, exact ? "leave-one-out" : "gradient times input"});
    }
  }

  void take(const TableRow& row, const Prediction& prediction) override {
    std::optional<Explanation> explanation;
    std::vector<ExplainedPiece> pieces;
    const auto& label = labeller_.labels()[static_cast<size_t>(prediction.label)];
    if (config_.explain) {
      const auto& model = *labeller_.classifier();
      explanation = explain(model, row.text, prediction.label,
                            {.method = config_.explain_method, .batch_size = config_.batch_size});
      pieces = to_pieces(*model.tokenizer, *explanation);
      if (page_) page_->add(label, prediction.probability, pieces, prediction.truncated);
    }
    if (json_) return write_json(row, prediction, label, explanation, pieces);
    out_ << columns_of(prediction) << '\t';
    out_ << (explanation && color_ ? to_terminal(pieces) : escaped_for_terminal(row.text));
    if (explanation && !color_) out_ << '\t' << to_line(pieces);
    out_ << '\n';
  }
  void flush() override { out_.flush(); }
  void finish(int64_t) override {
    if (page_) page_->finish();
  }
  std::string stop() override {
    const auto note = concat("stopped after ", taken, " texts");
    if (page_) page_->finish(note);
    return note + "; their lines are complete";
  }

 private:
  const ClassifyConfig& config_;
  const Labeller& labeller_;
  bool json_, numbered_, color_ = false;
  std::ostream& out_;
  std::optional<ExplainPage> page_;

  /// Label and probability; for a multi-label model and a regression all of them.
  std::string columns_of(const Prediction& prediction) const {
    const auto type = labeller_.problem_type();
    const auto name = [&](int64_t i) {
      return escaped_for_terminal(labeller_.labels()[static_cast<size_t>(i)]);
    };
    if (type == ProblemType::kSingleLabel) {
      return name(prediction.label) + "\t" + fixed(prediction.probability, 4);
    }
    std::string names, values;
    const auto n = std::ssize(prediction.probabilities);
    for (int64_t i = 0; i < n; ++i) {
      const bool named = type == ProblemType::kRegression ||
                         std::count(prediction.labels.begin(), prediction.labels.end(), i) > 0;
      if (named) names.append(names.empty() ? "" : ",").append(name(i));
      values.append(i > 0 ? "," : "")
          .append(fixed(prediction.probabilities[static_cast<size_t>(i)], 4));
    }
    return names + "\t" + values;
  }

  /// The labels and their probabilities or values.
  OrderedJson scores_of(const Prediction& prediction, const std::string& label) const {
    const auto type = labeller_.problem_type();
    const bool values = type == ProblemType::kRegression;
    OrderedJson row = {{"label", label},
                       {values ? "value" : "probability", prediction.probability}};
    if (type == ProblemType::kMultiLabel) {
      row["labels"] = OrderedJson::array();
      for (const auto i : prediction.labels) {
        row["labels"].push_back(labeller_.labels()[static_cast<size_t>(i)]);
      }
    }
    auto& scores = row[values ? "values" : "probabilities"];
    for (size_t c = 0; c < labeller_.labels().size(); ++c) {
      scores[labeller_.labels()[c]] = prediction.probabilities[c];
    }
    if (type != ProblemType::kSingleLabel) row["problem_type"] = name_of(type);
    return row;
  }

  void write_json(const TableRow& input, const Prediction& prediction, const std::string& label,
                  const std::optional<Explanation>& explanation,
                  const std::vector<ExplainedPiece>& pieces) {
    auto row = scores_of(prediction, label);
    row["truncated"] = prediction.truncated;
    if (prediction.shots) row["shots"] = *prediction.shots;
    if (numbered_) row["row"] = input.row;
    row["text"] = input.text;
    if (explanation) {
      if (labeller_.problem_type() != ProblemType::kRegression) {
        row["log_odds"] = explanation->log_odds;
      }
      row["tokens"] = OrderedJson::array();
      for (const auto& piece : pieces) {
        row["tokens"].push_back(
            {{"text", piece.text}, {"ids", piece.ids}, {"contribution", piece.contribution}});
      }
    }
    out_ << dump_json(row) << '\n';
  }
};

/// Compares predictions with the labels of the rows.
class EvaluationSink : public Sink {
 public:
  EvaluationSink(std::unique_ptr<Evaluation> evaluation, bool json, std::ostream& out)
      : evaluation_(std::move(evaluation)), json_(json), out_(out) {}

  void check(const TableRow& row) override { evaluation_->check(row); }
  void take(const TableRow& row, const Prediction& prediction) override {
    evaluation_->add(row, prediction);
  }
  void finish(int64_t skipped) override {
    if (!json_) {
      out_ << evaluation_->text();
      return;
    }
    auto json = evaluation_->json();
    json["skipped"] = skipped;
    out_ << dump_json(json) << '\n';
  }
  std::string stop() override {
    return concat("stopped after ", taken, " texts; an evaluation needs all of them");
  }

 private:
  std::unique_ptr<Evaluation> evaluation_;
  bool json_;
  std::ostream& out_;
};

}  // namespace

std::unique_ptr<Sink> make_sink(const ClassifyConfig& config, const ClassifyRequest& request,
                                const Labeller& labeller, bool numbered, std::ostream& out) {
  if (!config.evaluate) return std::make_unique<Writer>(config, request, labeller, numbered, out);
  return std::make_unique<EvaluationSink>(
      make_evaluation(config.input.string(), labeller.labels(), labeller.problem_type()),
      request.json, out);
}

}  // namespace gptkit
