#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <ostream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/stop.h"
#include "report/format.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/classify_evaluation.h"
#include "tasks/classify/decision.h"
#include "tasks/classify/explain_view.h"
#include "tasks/classify/row_stream.h"
#include "tensors/device.h"

namespace gptkit {

namespace {

/// What labels texts: a classifier, or a language model that is shown examples.
class Labeller {
 public:
  virtual ~Labeller() = default;
  virtual const std::vector<std::string>& labels() const = 0;
  virtual std::vector<Prediction> predict(const std::vector<std::string>& texts) = 0;
  /// Why it cannot label this text, or nothing.
  virtual std::string refusal(const std::string&) const { return {}; }
  /// The classifier, to explain its labels.
  virtual const TextClassifier* classifier() const { return nullptr; }
  ProblemType problem_type() const {
    return classifier() ? classifier()->problem_type : ProblemType::kSingleLabel;
  }
  /// What there is to say about the texts it has seen.
  virtual void report() const {}
};

std::string name_of(ProblemType type) {
  for (const auto& [name, value] : enum_names(ProblemType{})) {
    if (value == type) return name;
  }
  return {};
}

class FinetunedLabeller : public Labeller {
 public:
  explicit FinetunedLabeller(const ClassifyConfig& config)
      : model_(load_text_classifier(config.model.text)),
        options_{.batch_size = config.batch_size, .precision = config.precision} {
    model_.classifier->to(resolve_device(config.device));
    if (config.explain) options_.precision = Precision::kFloat32;  // differences of like numbers
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
                                             config.shots,
                                             {.text_column = config.text_column,
                                              .label_column = config.label_column,
                                              .pair_column = config.pair_column,
                                              .header = config.header,
                                              .quotes = !config.raw_quotes},
                                             config.strict)) {}

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

/// What happens to texts once they have labels.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Before the label is known: fails for a row that cannot be used.
  virtual void check(const TableRow&) {}
  virtual void take(const TableRow& row, const Prediction& prediction) = 0;
  virtual void flush() {}
  virtual void finish(int64_t) {}
  /// A signal ended it; what to say of the result so far.
  virtual std::string stop() = 0;

  int64_t taken = 0;  ///< rows so far
};

/// A line or a JSON object a text, and the page.
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

  /// Label and probability; of a multi-label model and a regression all of them.
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

  /// The labels and what the model says of each.
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

/// Compares with the labels that the rows bring.
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

void validate(const ClassifyConfig& config, const ClassifyRequest& request) {
  require(!config.model.empty(), "no model; name a classifier's folder with ", Key{"model"});
  require(request.texts.empty() || config.input.empty(), "texts and ", Key{"input"},
          " are both given; choose one of them");
  require(!config.evaluate || !config.input.empty(), Key{"evaluate"},
          " needs a labelled file: ", Key{"input"}, " FILE");
  require(config.batch_size >= 1, Key{"batch_size"}, ": ", config.batch_size,
          " is out of range; expected at least 1");
  require(std::isfinite(config.threshold) && config.threshold >= 0 && config.threshold <= 1,
          Key{"threshold"}, ": ", config.threshold, " is out of range; expected 0 to 1");
  require(config.html.empty() || config.explain, Key{"html"}, " shows explanations; give ",
          Key{"explain"}, " too");
  const auto folder = config.html.parent_path();
  std::error_code ignored;
  require(folder.empty() || std::filesystem::is_directory(folder, ignored), Key{"html"},
          ": the folder '", folder.string(), "' does not exist; make it, or name another file");
  require(!config.explain || !config.evaluate, Key{"explain"}, " and ", Key{"evaluate"},
          " are both given; choose one of them");
  require(!config.explain || !config.few_shot.asked(), Key{"explain"},
          " is for finetuned classifiers, not for ", Key{"labels"}, " and ", Key{"examples"});
  require(config.shots == 0 || config.few_shot.asked(), Key{"shots"},
          " needs the labelled file that the examples come from: ", Key{"examples"}, " FILE");
  require(!config.evaluate || config.format != TableFormat::kLines, config.input.string(), ": ",
          Key{"evaluate"}, " needs labels, and lines have none; expected ", Key{"format"},
          " tsv, csv, jsonl or json");
}

/// Labelled rows in a file of any other name are tab-separated, as in training.
TableFormat format_to_read(const ClassifyConfig& config) {
  const bool unnamed =
      config.format == TableFormat::kAuto && format_of(config.input) == TableFormat::kLines;
  return config.evaluate && unnamed ? TableFormat::kTsv : config.format;
}

TableReader open_reader(const ClassifyConfig& config, const ClassifyRequest& request) {
  const TableReaderOptions options{.columns = {.text_column = config.text_column,
                                               .label_column = config.label_column,
                                               .pair_column = config.pair_column,
                                               .header = config.header,
                                               .quotes = !config.raw_quotes,
                                               .labelled = config.evaluate},
                                   .format = format_to_read(config)};
  if (!config.input.empty()) return TableReader(config.input, options);
  return TableReader(request.input, "standard input", options);
}

/// Two texts each as one: what the model was trained on.
std::vector<std::string> joined_pairs(const std::vector<std::string>& texts) {
  require(texts.size() % 2 == 0, "the model labels pairs of texts, and ", texts.size(),
          texts.size() == 1 ? " text is" : " texts are",
          " given; give the second of each pair behind its first");
  std::vector<std::string> pairs;
  for (size_t i = 0; i < texts.size(); i += 2) {
    pairs.push_back(texts[i] + kPairSeparator + texts[i + 1]);
  }
  return pairs;
}

void label_rows(Labeller& labeller, const Decision& decision, Sink& sink,
                const std::vector<TableRow>& rows) {
  std::vector<std::string> texts;
  for (const auto& row : rows) {
    sink.check(row);
    texts.push_back(row.text);
  }
  auto predictions = labeller.predict(texts);
  for (size_t i = 0; i < rows.size(); ++i) {
    decision.apply_(predictions[i]);
    sink.take(rows[i], predictions[i]);
    ++sink.taken;
  }
  sink.flush();
}

/// Reads the input to its end; how many rows were passed over.
int64_t label_stream(Labeller& labeller, const Decision& decision, Sink& sink, RowStream& stream) {
  try {
    for (auto rows = stream.next(); !rows.empty(); rows = stream.next()) {
      std::vector<TableRow> usable;
      for (auto& row : rows) {
        const auto reason = labeller.refusal(row.text);
        if (reason.empty()) {
          usable.push_back(std::move(row));
          continue;
        }
        stream.skip(stream.place(row) + ": " + reason);
        if (stream.failed()) break;
      }
      if (!usable.empty()) label_rows(labeller, decision, sink, usable);
    }
  } catch (const Stopped& stopped) {
    throw Stopped(stopped.signal(), sink.stop());
  }
  stream.finish();
  return stream.skipped();
}

}  // namespace

void run_classify(const ClassifyConfig& config, const ClassifyRequest& request, std::ostream& out) {
  validate(config, request);
  set_threads(request.threads);
  std::optional<RowStream> stream;
  if (request.texts.empty()) {
    // Texts that take long are answered in smaller portions.
    const bool slow = config.explain || config.few_shot.asked();
    stream.emplace(open_reader(config, request), RowStreamOptions{.strict = config.strict,
                                                                  .chunk_rows = slow ? 16 : 256,
                                                                  .activity = "classifying"});
  }
  std::unique_ptr<Labeller> labeller;
  if (config.few_shot.asked()) {
    labeller = std::make_unique<FewShotLabeller>(config);
  } else {
    labeller = std::make_unique<FinetunedLabeller>(config);
  }
  watch_stop_signals();
  const auto* classifier = labeller->classifier();
  const bool pairs = classifier && classifier->pairs, paired = !config.pair_column.empty();
  require(!stream || !pairs || paired, config.model.text,
          ": it was trained on pairs of texts; name the second one's column with ",
          Key{"pair_column"});
  const Decision decision(config, labeller->labels(), labeller->problem_type());
  std::unique_ptr<Sink> sink;
  if (config.evaluate) {
    sink = std::make_unique<EvaluationSink>(
        make_evaluation(config.input.string(), labeller->labels(), labeller->problem_type()),
        request.json, out);
  } else {
    sink = std::make_unique<Writer>(config, request, *labeller, stream.has_value(), out);
  }
  if (stream) {
    sink->finish(label_stream(*labeller, decision, *sink, *stream));
  } else {
    std::vector<TableRow> rows;
    for (const auto& text : pairs || paired ? joined_pairs(request.texts) : request.texts) {
      rows.push_back({.text = text, .row = std::ssize(rows)});
    }
    label_rows(*labeller, decision, *sink, rows);
    sink->finish(0);
  }
  labeller->report();
}

}  // namespace gptkit
