#pragma once
// Labelled texts that a tiny model can tell apart.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "data/tables/classification.h"

namespace gptkit::test {

/// The second class shouts.
inline std::vector<LabelledText> rows(int64_t n) {
  std::vector<LabelledText> made;
  const std::vector<std::string> words = {"see", "you", "at", "the", "old", "mill", "tonight"};
  for (int64_t i = 0; i < n; ++i) {
    std::string text;
    for (int64_t w = 0; w <= i % 5; ++w) text += words[static_cast<size_t>(i * 3 + w) % 7] + " ";
    made.push_back({i % 2 == 0 ? text : text + "!!", i % 2, i});
  }
  return made;
}

/// rows(60) as a table.
inline void write_rows(const std::filesystem::path& path) {
  std::string table;
  for (const auto& row : rows(60)) {
    table += concat(row.label == 1 ? "loud" : "calm", '\t', row.text, '\n');
  }
  write_file_atomic(path, table);
}

}  // namespace gptkit::test
