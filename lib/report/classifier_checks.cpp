#include "report/classifier_checks.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr const char* kSplitNames[] = {"train", "validation", "test"};

void check_split(const SplitPredictions& split, size_t n_class) {
  const size_t n = split.truth.size();
  require(std::ranges::find(kSplitNames, split.name) != std::end(kSplitNames), "split '",
          printable(split.name), "' is not known; expected train, validation or test");
  require(split.texts.size() == n && split.rows.size() == n, "split ", split.name, ": ",
          split.texts.size(), " texts and ", split.rows.size(), " row numbers for ", n, " truths");
  for (size_t row = 0; row < n; ++row) {
    require(split.truth[row] >= 0 && split.truth[row] < static_cast<int64_t>(n_class), "split ",
            split.name, ", row ", row, ": class ", split.truth[row], " is out of range; there are ",
            n_class, " labels");
  }
  check_probabilities(split.probabilities, n, n_class, "split " + split.name);
}

}  // namespace

void check_probabilities(const ProbabilityRows& rows, size_t expected, size_t n_class,
                         const std::string& where) {
  require(rows.size() == expected, where, ": ", rows.size(), " rows of probabilities; expected ",
          expected, ", one a truth");
  for (size_t row = 0; row < rows.size(); ++row) {
    require(rows[row].size() == n_class, where, ", row ", row, ": ", rows[row].size(),
            " probabilities; expected one for each of the ", n_class, " labels");
    double sum = 0;
    for (const double p : rows[row]) {
      require(std::isfinite(p) && p >= 0 && p <= 1.001, where, ", row ", row, ": ", p,
              " is not a probability; expected 0 to 1");
      sum += p;
    }
    require(std::abs(sum - 1) <= 0.001, where, ", row ", row, ": the probabilities add up to ", sum,
            "; expected 1");
  }
}

std::vector<const SplitPredictions*> checked_splits(const ClassifierReportInput& input) {
  const size_t n_class = input.labels.size();
  require(n_class >= 2, "a classifier's report needs at least two labels; there are ", n_class);
  require(input.max_mistakes >= 0, "mistakes shown: ", input.max_mistakes,
          " is out of range; expected at least 0");
  std::vector<const SplitPredictions*> splits;
  for (const char* name : kSplitNames) {
    const auto named = [&](const SplitPredictions& split) { return split.name == name; };
    require(std::ranges::count_if(input.splits, named) <= 1, "there are two splits named ", name);
  }
  for (const auto& split : input.splits) check_split(split, n_class);
  for (const char* name : kSplitNames) {
    for (const auto& split : input.splits) {
      if (split.name == name && !split.truth.empty()) splits.push_back(&split);
    }
  }
  require(!splits.empty(), "a classifier's report needs rows; no split has any");
  return splits;
}

}  // namespace gptkit
