#include "tasks/finetune_classify/sweep.h"

#include <cctype>
#include <chrono>
#include <cstdio>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "tasks/finetune_classify/finetune_classify.h"

namespace gptkit {

namespace {

namespace fs = std::filesystem;

SweepConfig load_sweep(const fs::path& file) {
  SweepConfig sweep;
  load_config(sweep, {.files = {file}, .overrides = {}});
  require(!sweep.rows.empty(), file.string(),
          ": no rows; expected rows: [{name: ..., set: [key=value, ...]}, ...]");
  for (const auto& row : sweep.rows) {
    require(!row.name.empty(), file.string(), ": a row has no name");
    for (const auto& setting : row.set) {
      require(setting.find('=') != std::string::npos, file.string(), ": row '", row.name, "': '",
              setting, "' is no setting; expected key=value");
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

OrderedJson run_row(const TaskRequest& request, const SweepRow& row, const std::string& origin) {
  auto wanted = request;
  for (const auto& setting : row.set) {
    const auto equals = setting.find('=');
    wanted.inputs.overrides.push_back(
        {setting.substr(0, equals), setting.substr(equals + 1), origin});
  }
  OrderedJson result = {{"name", row.name}, {"set", row.set}};
  try {
    const auto began = std::chrono::steady_clock::now();
    const auto summary = run_finetune_classify(wanted);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
    result["trainable_parameters"] = summary.trainable_parameters;
    for (const char* split : {"train", "validation", "test"}) {
      if (summary.report.contains(split)) result[split] = summary.report[split]["accuracy"];
    }
    if (summary.report.contains("folds")) result["test"] = summary.report["accuracy"]["mean"];
    result["seconds"] = spent.count();
  } catch (const Error& error) {
    log_warning("row '", row.name, "': ", error.what());
    result["error"] = error.what();
  }
  return result;
}

/// A finished row of an earlier run with the same settings.
std::optional<OrderedJson> finished(const OrderedJson& before, const SweepRow& row) {
  for (const auto& result : before) {
    if (result.value("name", "") == row.name && result.contains("seconds") &&
        result.value("set", OrderedJson()) == OrderedJson(row.set)) {
      return result;
    }
  }
  return std::nullopt;
}

std::string cell(const OrderedJson& row, const char* key, const char* format, double factor) {
  if (!row.contains(key)) return "";
  char text[40];
  std::snprintf(text, sizeof text, format, row.at(key).get<double>() * factor);
  return text;
}

/// Bars would end a cell of the table.
std::string plain(std::string text) {
  for (auto& c : text) {
    if (c == '|' || c == '\n') c = '/';
  }
  return text;
}

std::string to_markdown(const OrderedJson& rows) {
  std::string text =
      "| row | learn | train % | validation % | test % | seconds "
      "|\n|---|---:|---:|---:|---:|---:|\n";
  for (const auto& row : rows) {
    const bool failed = row.contains("error");
    text += "| " + plain(row.at("name").get<std::string>());
    if (failed) text += ": " + plain(row.at("error").get<std::string>());
    text += " | " + cell(row, "trainable_parameters", "%.0f", 1);
    for (const char* split : {"train", "validation", "test"}) {
      text += " | " + cell(row, split, "%.2f", 100);
    }
    text += " | " + cell(row, "seconds", "%.1f", 1) + " |\n";
  }
  return text;
}

}  // namespace

SweepResult run_classify_sweep(const TaskRequest& wanted, const fs::path& file) {
  const auto sweep = load_sweep(file);
  auto request = wanted;
  if (request.out.empty()) request.out = fs::path("runs") / file.stem();
  request = with_run_folder(request, "finetune-classify");
  ConfigOrigins origins;
  const auto base = load_finetune_classify_config(request.inputs, origins);
  const auto json_file = request.out / "sweep.json";
  OrderedJson before = OrderedJson::array();
  if (request.mode == RunMode::kResume && is_there(json_file)) {
    before = parse_json_ordered(read_file(json_file), json_file.string());
    require(before.is_array(), json_file.string(), ": expected a list; remove it to start anew");
  }
  auto inputs = base.data.train;
  inputs.push_back(file);
  const RunFolder run(request.out, request.mode, run_context(request, inputs));
  run.write_config(config_to_yaml(base), restated_config<FinetuneClassifyConfig>);
  run.when_begun([&] { write_file_atomic(run.path() / "sweep.yaml", config_to_yaml(sweep)); });

  SweepResult result{.rows = OrderedJson::array(), .markdown = {}};
  for (size_t i = 0; i < sweep.rows.size(); ++i) {
    const auto& row = sweep.rows[i];
    log_info("row ", i + 1, " of ", sweep.rows.size(), ": ", row.name);
    auto one = request;
    one.out = request.out / folder_name(i + 1, row.name);
    one.mode = run.mode_of(one.out);
    one.outer = &run;
    const auto earlier = finished(before, row);
    result.rows.push_back(earlier ? *earlier : run_row(one, row, file.string()));
    result.markdown = to_markdown(result.rows);
    if (run.replaces_a_run()) continue;  // no row has begun yet
    run.begin();
    write_file_atomic(json_file, dump_json(result.rows, 2) + "\n");
    write_file_atomic(request.out / "sweep.md", result.markdown);
  }
  require(!run.replaces_a_run(), request.out.string(),
          ": not replaced, for no row could be trained: ", result.rows.front().value("error", ""));
  return result;
}

}  // namespace gptkit
