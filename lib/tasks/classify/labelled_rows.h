#pragma once
// Labelled rows for few-shot classification: all rows of a file, and a few of them as examples.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/tables/classification.h"
#include "data/tables/table.h"

namespace gptkit {

/// Fails if there are fewer than two labels, or if one is empty or repeated.
void validate_labels(const std::vector<std::string>& labels);
/// Splits "spam, not spam" into a list and strips blanks around labels. An empty text gives an
/// empty list.
std::vector<std::string> split_labels(std::string_view given);

struct LabelledRows {
  std::vector<std::string> labels;
  std::vector<LabelledText> rows;
};
/// The rows of a labelled file that have text. Without `labels`, uses the labels of the file,
/// sorted. Rows that cannot be read are named and skipped; with `strict` they are an error. A label
/// that is not in the list is always an error.
LabelledRows read_labelled_rows(const std::filesystem::path& path, const TableColumns& columns,
                                const std::vector<std::string>& labels, bool strict);

/// `count` examples, drawn evenly from the labels: each round takes one row per label, in a new
/// random order. The first k of a larger draw are the draw of k, so that accuracies for different
/// counts are comparable. Fails if a label has too few rows.
std::vector<LabelledText> draw_examples(const LabelledRows& from, int64_t count, uint64_t seed);

}  // namespace gptkit
