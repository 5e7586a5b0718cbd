#include "train/finished.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "data/fingerprint.h"

namespace gptkit {

namespace {

constexpr const char* kFile = "finished.json";

OrderedJson to_json(const TrainSummary& summary, const std::string& fingerprint) {
  OrderedJson json = {{"steps", summary.steps},
                      {"tokens", summary.tokens},
                      {"seconds", summary.seconds},
                      {"stopped_early", summary.stopped_early},
                      {"data", fingerprint},
                      {"best", nullptr},
                      {"evaluation", OrderedJson::object()}};
  if (summary.best.steps_done > 0) {
    json["best"] = {{"val_loss", summary.best.val_loss},
                    {"steps_done", summary.best.steps_done},
                    {"evaluations_since", summary.best.evaluations_since}};
  }
  for (const auto& [name, value] : summary.last_evaluation) json["evaluation"][name] = value;
  return json;
}

TrainSummary from_json(const OrderedJson& ordered, const std::string& where) {
  const Json json = ordered;
  TrainSummary summary;
  summary.steps = json_int(json, "steps", where);
  summary.tokens = json_int(json, "tokens", where);
  summary.seconds = json_number(json, "seconds", where);
  summary.stopped_early = json_bool(json, "stopped_early", where, false);
  if (const auto best = json.find("best"); best != json.end() && best->is_object()) {
    summary.best.val_loss = json_number(*best, "val_loss", where);
    summary.best.steps_done = json_int(*best, "steps_done", where);
    summary.best.evaluations_since = json_int(*best, "evaluations_since", where);
  }
  const auto evaluation = ordered.find("evaluation");
  require(evaluation != ordered.end() && evaluation->is_object(), where,
          ": 'evaluation' is not an object; remove the file to have it written again");
  for (const auto& [name, value] : evaluation->items()) {
    summary.last_evaluation.emplace_back(name,
                                         value.is_number() ? value.get<double>() : std::nan(""));
  }
  return summary;
}

}  // namespace

void leave_model(const RunFolder& run, const TrainSummary& summary, const std::string& fingerprint,
                 const SaveModel& save, const SaveModel& save_adapter) {
  if (!run.writes() || summary.was_finished) return;
  run.remove_results();
  if (save_adapter) run.write_adapter(save_adapter);
  run.write_model(save);
  write_file_atomic(run.path() / kFile, dump_json(to_json(summary, fingerprint), 2) + "\n");
}

void forget_finished(const RunFolder& run) {
  if (run.writes()) fs::remove(run.path() / kFile);
}

std::optional<TrainSummary> read_finished(const RunContext& context,
                                          const std::string& fingerprint) {
  const auto& run = context.folder;
  const auto file = run.path() / kFile;
  const bool there =
      run.writes() && run.resuming() && fs::exists(file) && fs::exists(run.path() / "model");
  const auto text = context.world.broadcast_text(there ? read_file(file) : "");
  if (text.empty()) return std::nullopt;
  const auto json = parse_json_ordered(text, file.string());
  require(json.is_object(), file.string(),
          ": expected an object; remove the file to have it written again");
  require_same_data(json.value("data", ""), fingerprint, run.path().string());
  auto summary = from_json(json, file.string());
  summary.was_finished = true;
  return summary;
}

std::optional<TrainSummary> nothing_left_to_train(const RunContext& context,
                                                  const std::string& fingerprint) {
  const auto own = context.folder.same_config() ? "same" : "";
  const bool same = !context.world.broadcast_text(own).empty();
  return same ? read_finished(context, fingerprint) : std::nullopt;
}

}  // namespace gptkit
