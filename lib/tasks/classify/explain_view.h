#pragma once
// Output of explanations: coloured text for a terminal, numbers on a line, or an HTML page. Green
// is for the class, red against it; the strongest piece of each text has the deepest colour.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "tasks/classify/explain.h"

namespace gptkit {

/// Tabs, newlines and backslashes escaped (\t, \n, \\): text on one line, in one column.
std::string escaped_line(std::string_view text);
/// Escapes other control characters, too (\x1b): a text must not control the terminal.
std::string escaped_for_terminal(std::string_view text);

/// The text with ANSI's 24-bit backgrounds.
std::string to_terminal(const std::vector<ExplainedPiece>& pieces);
/// `"You"+0.12 " won"+2.31`: every piece with its contribution.
std::string to_line(const std::vector<ExplainedPiece>& pieces);

/// The heading of a page.
struct PageHead {
  std::string model, method;
};

/// A self-contained HTML file (no script, no link), written text by text. It appears complete with
/// finish(), or not at all. An existing file is replaced only if it is another page of
/// explanations.
class ExplainPage {
 public:
  ExplainPage(const std::filesystem::path& path, const PageHead& head);

  /// A row of the page. Every text is escaped.
  void add(const std::string& label, double probability, const std::vector<ExplainedPiece>& pieces,
           bool truncated);
  /// `note` tells what is missing, if anything.
  void finish(const std::string& note = {});

 private:
  AtomicFile file_;
};

}  // namespace gptkit
