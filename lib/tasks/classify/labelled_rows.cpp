#include "tasks/classify/labelled_rows.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "data/random_order.h"
#include "tasks/classify/row_stream.h"

namespace gptkit {

void validate_labels(const std::vector<std::string>& labels) {
  require(labels.size() >= 2, Key{"labels"}, ": ", labels.size(), " given (",
          printable(join(labels)), "); expected at least two, for example ", Key{"labels"},
          " spam,ham");
  std::set<std::string> seen;
  for (const auto& label : labels) {
    require(!label.empty(), Key{"labels"}, ": one is empty; expected names, for example spam,ham");
    require(seen.insert(label).second, Key{"labels"}, ": '", printable(label), "' is given twice");
  }
}

std::vector<std::string> split_labels(std::string_view given) {
  std::vector<std::string> labels;
  for (bool more = !given.empty(); more;) {
    const auto comma = given.find(',');
    auto label = given.substr(0, comma);
    label.remove_prefix(std::min(label.find_first_not_of(' '), label.size()));
    labels.emplace_back(label.substr(0, label.find_last_not_of(' ') + 1));
    more = comma != given.npos;
    if (more) given.remove_prefix(comma + 1);
  }
  return labels;
}

LabelledRows read_labelled_rows(const std::filesystem::path& path, const TableColumns& columns,
                                const std::vector<std::string>& labels, bool strict) {
  const auto named = format_of(path);
  const auto format = named == TableFormat::kLines ? TableFormat::kTsv : named;
  RowStream stream(TableReader(path, {.columns = columns, .format = format}), {.strict = strict});
  std::vector<TableRow> rows;
  for (auto some = stream.next(); !some.empty(); some = stream.next()) {
    std::move(some.begin(), some.end(), std::back_inserter(rows));
  }
  stream.finish();
  require(!rows.empty(), path.string(), ": no rows");

  LabelledRows result{labels, {}};
  if (labels.empty()) {
    std::set<std::string> found;
    for (const auto& row : rows) found.insert(row.label);
    require(found.size() <= 1000, path.string(), ": ", found.size(),
            " different labels; is the label column the right one? See ", Key{"label_column"});
    result.labels.assign(found.begin(), found.end());
  }
  int64_t empty = 0;
  for (auto& row : rows) {
    const auto at = std::find(result.labels.begin(), result.labels.end(), row.label);
    require(at != result.labels.end(), path.string(), row.line > 0 ? concat(":", row.line) : "",
            ": row ", row.row, " has the label '", printable(row.label), "', expected one of ",
            printable(join(result.labels)), "; see ", Key{"labels"}, " and ", Key{"label_column"});
    if (row.text.empty()) {
      ++empty;
    } else {
      result.rows.push_back({std::move(row.text), at - result.labels.begin(), row.row});
    }
  }
  if (empty > 0) log_warning(path.string(), ": ", empty, " row(s) without text are left out");
  return result;
}

std::vector<LabelledText> draw_examples(const LabelledRows& from, int64_t count, uint64_t seed) {
  const auto n_label = std::ssize(from.labels);
  std::vector<std::vector<const LabelledText*>> members(from.labels.size());
  for (const auto& row : from.rows) members[static_cast<size_t>(row.label)].push_back(&row);
  std::vector<std::vector<int64_t>> orders;
  for (int64_t label = 0; label < n_label; ++label) {
    const auto n = std::ssize(members[static_cast<size_t>(label)]);
    orders.push_back(torch_permutation(mixed_seed(seed, static_cast<uint64_t>(label)), n));
  }
  std::vector<LabelledText> drawn;
  for (int64_t round = 0; std::ssize(drawn) < count; ++round) {
    const auto turns = mixed_seed(seed, static_cast<uint64_t>(n_label + round));
    for (const auto label : torch_permutation(turns, n_label)) {
      if (std::ssize(drawn) == count) break;
      const auto& order = orders[static_cast<size_t>(label)];
      require(round < std::ssize(order), Key{"examples"}, ": ", count, " shots need at least ",
              round + 1, " rows of each label, but '", from.labels[static_cast<size_t>(label)],
              "' has ", order.size());
      const auto member = static_cast<size_t>(order[static_cast<size_t>(round)]);
      drawn.push_back(*members[static_cast<size_t>(label)][member]);
    }
  }
  return drawn;
}

}  // namespace gptkit
