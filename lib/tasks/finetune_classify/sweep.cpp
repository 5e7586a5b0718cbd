#include "tasks/finetune_classify/sweep.h"

#include <cctype>
#include <chrono>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "report/format.h"
#include "tasks/finetune_classify/finetune_classify.h"
#include "tasks/finetune_classify/folds.h"

namespace gptkit {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSplits[] = {"train", "validation", "test"};

SweepConfig load_sweep(const fs::path& file) {
  SweepConfig sweep;
  load_config(sweep, {.files = {file}, .overrides = {}});
  require(!sweep.rows.empty(), file.string(),
          ": no rows; expected rows: [{name: ..., set: [key=value, ...]}, ...]");
  for (const auto& row : sweep.rows) {
    require(!row.name.empty(), file.string(), ": a row has no name");
    for (const auto& setting : row.set) {
      require(setting.find('=') != std::string::npos, file.string(), ": row '", row.name, "': '",
              setting, "' is not a setting; expected key=value");
    }
  }
  return sweep;
}

/// 03-last-two-blocks
std::string folder_name(size_t number, const std::string& name) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%02zu-", number);
  std::string text = digits;
  for (const char c : name) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (plain) text += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (!plain && text.back() != '-') text += '-';
  }
  while (text.back() == '-') text.pop_back();
  return text;
}

void take_metrics(const FinetuneClassifySummary& summary, SweepRowResult& result) {
  result.trainable_parameters = summary.trainable_parameters;
  for (const auto& [split, metrics] : summary.splits) result.accuracy[split] = metrics.accuracy;
  if (summary.folds.empty()) return;
  std::vector<double> accuracies;
  for (const auto& fold : summary.folds) accuracies.push_back(fold.accuracy);
  result.accuracy["test"] = spread_of(accuracies).mean;
}

SweepRowResult run_row(const TaskRequest& request, const SweepRow& row, const std::string& origin,
                       World& world) {
  auto wanted = request;
  for (const auto& setting : row.set) {
    const auto equals = setting.find('=');
    wanted.inputs.overrides.push_back(
        {setting.substr(0, equals), setting.substr(equals + 1), origin});
  }
  SweepRowResult result{.name = row.name, .set = row.set};
  try {
    const auto began = std::chrono::steady_clock::now();
    take_metrics(run_finetune_classify(wanted, world), result);
    result.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  } catch (const Error& error) {
    log_warning("row '", row.name, "': ", error.what());
    result.error = error.what();
  }
  return result;
}

OrderedJson to_json(const SweepRowResult& row) {
  OrderedJson json = {{"name", row.name}, {"set", row.set}};
  if (!row.error.empty()) {
    json["error"] = row.error;
    return json;
  }
  json["trainable_parameters"] = row.trainable_parameters;
  for (const char* split : kSplits) {
    if (const auto found = row.accuracy.find(split); found != row.accuracy.end()) {
      json[split] = found->second;
    }
  }
  json["seconds"] = row.seconds;
  return json;
}

/// The trained rows of an earlier run.
std::vector<SweepRowResult> finished_rows(const fs::path& file) {
  const auto json = parse_json_ordered(read_file(file), file.string());
  require(json.is_array(), file.string(), ": expected a list; remove it to start again");
  std::vector<SweepRowResult> rows;
  try {
    for (const auto& one : json) {
      if (!one.contains("seconds")) continue;
      SweepRowResult row{.name = one.at("name").get<std::string>(),
                         .set = one.at("set").get<std::vector<std::string>>()};
      row.trainable_parameters = one.at("trainable_parameters").get<int64_t>();
      for (const char* split : kSplits) {
        if (one.contains(split)) row.accuracy[split] = one.at(split).get<double>();
      }
      row.seconds = one.at("seconds").get<double>();
      rows.push_back(std::move(row));
    }
  } catch (const OrderedJson::exception&) {
    fail(file.string(), ": expected the rows of a sweep; remove it to start again");
  }
  return rows;
}

/// The result of a finished row with the same settings.
const SweepRowResult* find_row(const std::vector<SweepRowResult>& rows, const SweepRow& wanted) {
  for (const auto& row : rows) {
    if (row.name == wanted.name && row.set == wanted.set) return &row;
  }
  return nullptr;
}

std::string percent_cell(const SweepRowResult& row, const char* split) {
  const auto found = row.accuracy.find(split);
  return found == row.accuracy.end() ? "" : fixed(100 * found->second, 2);
}

/// A bar would end the table cell.
std::string plain(std::string text) {
  for (auto& c : text) {
    if (c == '|' || c == '\n') c = '/';
  }
  return text;
}

}  // namespace

OrderedJson to_json(const std::vector<SweepRowResult>& rows) {
  auto json = OrderedJson::array();
  for (const auto& row : rows) json.push_back(to_json(row));
  return json;
}

std::string to_markdown(const std::vector<SweepRowResult>& rows) {
  std::string text =
      "| row | learn | train % | validation % | test % | seconds "
      "|\n|---|---:|---:|---:|---:|---:|\n";
  for (const auto& row : rows) {
    const bool failed = !row.error.empty();
    text += "| " + plain(row.name);
    if (failed) text += ": " + plain(row.error);
    text += " | " + (failed ? "" : std::to_string(row.trainable_parameters));
    for (const char* split : kSplits) text += " | " + percent_cell(row, split);
    text += " | " + (failed ? "" : fixed(row.seconds, 1)) + " |\n";
  }
  return text;
}

std::vector<SweepRowResult> run_classify_sweep(const TaskRequest& wanted, const fs::path& file,
                                               World& world) {
  require(rank_environment().world_size == 1,
          "a sweep trains its rows in one process; start it without WORLD_SIZE");
  const auto sweep = load_sweep(file);
  auto request = wanted;
  if (request.out.empty()) request.out = fs::path("runs") / file.stem();
  request = with_run_folder(request, "finetune-classify");
  ConfigOrigins origins;
  const auto base = load_finetune_classify_config(request.inputs, origins);
  const auto json_file = request.out / "sweep.json";
  std::vector<SweepRowResult> before;
  if (request.mode == RunMode::kResume && is_there(json_file)) before = finished_rows(json_file);
  auto inputs = base.data.train;
  inputs.push_back(file);
  const RunFolder run(request.out, request.mode, run_folder_options(request, world, inputs));
  run.write_config(config_to_yaml(base), restated_config<FinetuneClassifyConfig>);
  run.when_begun([&] { write_file_atomic(run.path() / "sweep.yaml", config_to_yaml(sweep)); });

  std::vector<SweepRowResult> rows;
  for (size_t i = 0; i < sweep.rows.size(); ++i) {
    const auto& row = sweep.rows[i];
    log_info("row ", i + 1, " of ", sweep.rows.size(), ": ", row.name);
    auto one = request;
    one.out = request.out / folder_name(i + 1, row.name);
    one.mode = run.mode_of(one.out);
    one.outer = &run;
    const auto* earlier = find_row(before, row);
    rows.push_back(earlier ? *earlier : run_row(one, row, file.string(), world));
    if (run.replaces_a_run()) continue;  // no row has begun yet
    run.begin();
    write_file_atomic(json_file, dump_json(to_json(rows), 2) + "\n");
    write_file_atomic(request.out / "sweep.md", to_markdown(rows));
  }
  require(!run.replaces_a_run(), request.out.string(),
          ": not replaced, because no row could be trained: ", rows.front().error);
  return rows;
}

}  // namespace gptkit
