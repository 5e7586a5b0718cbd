// Reads texts, labels them and passes them to a sink.

#include <cmath>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/decision.h"
#include "tasks/classify/labeller.h"
#include "tasks/classify/row_stream.h"
#include "tasks/classify/sink.h"
#include "tensors/device.h"

namespace gptkit {

namespace {

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

/// Labelled rows in a file with another extension are tab-separated, as in training.
TableFormat format_to_read(const ClassifyConfig& config) {
  const bool unnamed =
      config.format == TableFormat::kAuto && format_of(config.input) == TableFormat::kLines;
  return config.evaluate && unnamed ? TableFormat::kTsv : config.format;
}

TableReader open_reader(const ClassifyConfig& config, const ClassifyRequest& request) {
  const TableReaderOptions options{
      .columns = config.columns, .labelled = config.evaluate, .format = format_to_read(config)};
  if (!config.input.empty()) return TableReader(config.input, options);
  return TableReader(request.input, "standard input", options);
}

/// Joins pairs of texts, as in the training of the model.
std::vector<std::string> joined_pairs(const std::vector<std::string>& texts) {
  require(texts.size() % 2 == 0, "the model labels pairs of texts, and ", texts.size(),
          texts.size() == 1 ? " text is" : " texts are",
          " given; give the second text of each pair after the first");
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

/// Reads the input to its end. Returns the number of skipped rows.
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
    // Slow texts are processed in smaller chunks.
    const bool slow = config.explain || config.few_shot.asked();
    stream.emplace(open_reader(config, request), RowStreamOptions{.strict = config.strict,
                                                                  .chunk_rows = slow ? 16 : 256,
                                                                  .activity = "classifying"});
  }
  const auto labeller = make_labeller(config);
  watch_stop_signals();
  const auto* classifier = labeller->classifier();
  const bool pairs = classifier && classifier->pairs, paired = !config.columns.pair_column.empty();
  require(!stream || !pairs || paired, config.model.text,
          ": it was trained on pairs of texts; name the second one's column with ",
          Key{"pair_column"});
  const Decision decision(config, labeller->labels(), labeller->problem_type());
  const auto sink = make_sink(config, request, *labeller, stream.has_value(), out);
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
