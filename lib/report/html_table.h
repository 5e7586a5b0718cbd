#pragma once
// A table of a page. Cells are HTML: the caller escapes what comes from outside.

#include <string>
#include <vector>

namespace gptkit {

class HtmlTable {
 public:
  /// The first column is the rows' heading, to the left; the others are metrics, to the right.
  /// `css` is a class of the table, may be empty.
  explicit HtmlTable(std::vector<std::string> head, std::string css = "");

  void add(const std::vector<std::string>& cells);
  /// Scrolls sideways where it is wider than the screen.
  std::string html() const;

 private:
  std::string css_, head_, body_;
};

/// An outsider's short text (a label, a name) for a cell or sentence: made visible, escaped, and
/// kept from turning the direction of what stands around it.
std::string html_name(const std::string& text, std::size_t most = 60);

}  // namespace gptkit
