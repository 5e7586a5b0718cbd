#pragma once
// Whether a table's first row is a header: by the names in it, or because its label is none of the
// others.

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

namespace gptkit {

/// Whether a first row has the names "text" or "label" (in any case) and other short names alone.
bool has_usual_header(const std::vector<std::string>& first);

/// Judges a first row of other names by the labels of the rows after it.
class HeaderGuess {
 public:
  enum class Verdict { kRow, kUnsure, kHeader };

  HeaderGuess(std::string label, const std::string& text);

  /// The next row's label; false when no more are needed.
  bool add(const std::string& label);
  /// A header: no other row has its label, and the others repeat, or are numbers and it is none.
  /// Unsure: the rows are too few, or its text is too long for a name.
  Verdict verdict() const;

 private:
  std::string label_;
  bool is_name_;         // short, and no number
  bool numbers_ = true;  // all other labels
  bool found_ = false;
  std::int64_t rows_ = 0;
  std::unordered_set<std::string> others_;
};

}  // namespace gptkit
