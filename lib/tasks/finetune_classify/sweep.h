#pragma once
// Runs the same finetuning with several settings and compares them in one table (an ablation
// study).

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/training/request.h"

namespace gptkit {

/// One row of a sweep file: a name, and settings as for --set.
struct SweepRow {
  std::string name;
  std::vector<std::string> set;
};
template <class Visitor>
void visit_fields(SweepRow& c, Visitor&& visit) {
  visit("name", c.name, "name of the row in the table");
  visit("set", c.set, "settings: [classifier.pooling=mean, seed=2]");
}

struct SweepConfig {
  std::vector<SweepRow> rows;
};
template <class Visitor>
void visit_fields(SweepConfig& c, Visitor&& visit) {
  visit("rows", c.rows, "the runs, in order");
}

/// The result of a row.
struct SweepRowResult {
  std::string name;
  std::vector<std::string> set;
  std::string error = {};  ///< why the row failed; empty: it succeeded, and the following is set
  int64_t trainable_parameters = 0;
  std::map<std::string, double> accuracy = {};  ///< by split; with data.folds the mean as "test"
  double seconds = 0;
};

OrderedJson to_json(const std::vector<SweepRowResult>& rows);
/// A table of the rows.
std::string to_markdown(const std::vector<SweepRowResult>& rows);

/// Finetunes a classifier for each row of the file: the request's config, overridden by the
/// settings of the row, in <out>/01-<name> ... The rows are saved in <out>/sweep.yaml. If a row
/// fails (for example because its model is missing), the table has the error and the next row is
/// run. Writes <out>/sweep.json and sweep.md after each row; with RunMode::kResume finished rows
/// are kept and an interrupted one is resumed.
std::vector<SweepRowResult> run_classify_sweep(const TaskRequest& wanted,
                                               const std::filesystem::path& file, World& world);

}  // namespace gptkit
