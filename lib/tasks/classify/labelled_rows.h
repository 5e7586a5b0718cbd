#pragma once
// Rows with labels for a language model that was not trained to label: all of a file's, and a few
// of them as examples.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/tables/classification.h"
#include "data/tables/table.h"

namespace gptkit {

/// Fails for labels that are fewer than two, empty or given twice.
void validate_labels(const std::vector<std::string>& labels);
/// "spam, not spam" as a list; blanks around a label do not count. Nothing of an empty text.
std::vector<std::string> split_labels(std::string_view given);

struct LabelledRows {
  std::vector<std::string> labels;
  std::vector<LabelledText> rows;
};
/// The rows with text of a labelled file. Without `labels` those of the file, sorted. Rows that
/// cannot be read are named and skipped, or with `strict` an error; so is always another label.
LabelledRows read_labelled_rows(const std::filesystem::path& path, const TableColumns& columns,
                                const std::vector<std::string>& labels, bool strict);

/// `count` examples, evenly from the labels: rounds of one each, in an order drawn anew for each
/// round. The first k of more examples are those of k, so that accuracies with more and with fewer
/// compare. Fails when a label has too few rows.
std::vector<LabelledText> draw_examples(const LabelledRows& from, int64_t count, uint64_t seed);

}  // namespace gptkit
