#pragma once
// Explanations for people: coloured text for a terminal, numbers for a line, a page for a browser.
// Green speaks for the class, red against it; the strongest piece of each text is the deepest.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "tasks/classify/explain.h"

namespace gptkit {

/// Tabs, newlines and backslashes escaped (\t, \n, \\): text on one line, in one column.
std::string escaped_line(std::string_view text);
/// Other control characters, too (\x1b): a text must not steer the terminal it is shown on.
std::string escaped_for_terminal(std::string_view text);

/// The text with ANSI's 24-bit backgrounds.
std::string to_terminal(const std::vector<ExplainedPiece>& pieces);
/// `"You"+0.12 " won"+2.31`: every piece with its contribution.
std::string to_line(const std::vector<ExplainedPiece>& pieces);

/// What stands above the texts of a page.
struct PageHead {
  std::string model, method;
};

/// One HTML file without anything beside it (no script, no link), written text by text; it appears
/// whole with finish(), or not at all. Of what may be there already, only another of these pages is
/// replaced.
class ExplainPage {
 public:
  ExplainPage(const std::filesystem::path& path, const PageHead& head);

  /// A row of the page. Every text is escaped.
  void add(const std::string& label, double probability, const std::vector<ExplainedPiece>& pieces,
           bool truncated);
  /// `note` says what is missing, if anything.
  void finish(const std::string& note = {});

 private:
  AtomicFile file_;
};

}  // namespace gptkit
