#include "tasks/classify/explain_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

double strongest(const std::vector<ExplainedPiece>& pieces) {
  double most = 0;
  for (const auto& piece : pieces) most = std::max(most, std::abs(piece.contribution));
  return most;
}

/// From 0 to 1, against the strongest of the text.
double strength(const ExplainedPiece& piece, double most) {
  return most > 0 ? std::abs(piece.contribution) / most : 0;
}

std::string escaped_html(std::string_view text) {
  std::string html;
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        // Browsers refuse control characters; white space is kept by the style sheet.
        html += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? '?' : c;
    }
  }
  return html;
}

constexpr std::string_view kPageStyle =
    "body{font:16px/1.6 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
    "background:#fff;color:#111}\n"
    "p.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:.2em 0 1.2em}\n"
    "p.head{margin:0;color:#555;font-size:14px}\n"
    "p.head b{color:#111}\n"
    "span{border-radius:3px}\n";

constexpr std::string_view kHeadline = "<h1>What the classifier looked at</h1>\n";

/// A path that is free, or holds an earlier page.
const std::filesystem::path& checked(const std::filesystem::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code) || fs::file_size(path, code) == 0) return path;
  const MappedFile file(path);
  require(
      file.text().starts_with("<!doctype html>") &&
          file.text().find(kHeadline) != std::string_view::npos,
      path.string(),
      ": is another file than a page of explanations, and is not replaced; name a new file with ",
      Key{"html"});
  return path;
}

}  // namespace

std::string escaped_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    switch (c) {
      case '\t':
        line += "\\t";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\\':
        line += "\\\\";
        break;
      default:
        line += c;
    }
  }
  return line;
}

std::string escaped_for_terminal(std::string_view text) {
  std::string line;
  for (const char c : escaped_line(text)) {
    const auto byte = static_cast<unsigned char>(c);
    line += byte < 0x20 || byte == 0x7F ? formatted("\\x%02x", byte) : std::string(1, c);
  }
  // C1 controls are two bytes in UTF-8.
  std::string shown;
  for (size_t at = 0; at < line.size();) {
    const auto c = decode_utf8(line, at);
    const bool control = c.valid && c.code >= 0x80 && c.code < 0xA0;
    shown +=
        control ? formatted("\\x%02x", static_cast<unsigned>(c.code)) : line.substr(at, c.bytes);
    at += c.bytes;
  }
  return shown;
}

std::string to_terminal(const std::vector<ExplainedPiece>& pieces) {
  const double most = strongest(pieces);
  std::string text;
  for (const auto& piece : pieces) {
    const auto shown = escaped_for_terminal(piece.text);
    const double share = strength(piece, most);
    if (share < 0.05) {  // too little to be told from none
      text += shown;
      continue;
    }
    const int rest = static_cast<int>(std::lround(235 - 150 * share));
    const bool with = piece.contribution > 0;
    text += formatted("\033[30;48;2;%d;%d;%dm", with ? rest : 255, with ? 235 : rest, rest);
    text += shown + "\033[0m";
  }
  return text;
}

std::string to_line(const std::vector<ExplainedPiece>& pieces) {
  std::string line;
  for (const auto& piece : pieces) {
    if (!line.empty()) line += ' ';
    line += '"';
    line += escaped_for_terminal(piece.text);
    line += formatted("\"%+.3f", piece.contribution);
  }
  return line;
}

ExplainPage::ExplainPage(const std::filesystem::path& path, const PageHead& head)
    : file_(checked(path)) {
  const auto model = escaped_html(replace_invalid_utf8(head.model));
  file_.write("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
  file_.write(
      "<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n");
  file_.write(concat("<title>", model, "</title>\n<style>\n", kPageStyle,
                     "</style>\n</head>\n<body>\n", kHeadline));
  file_.write(
      concat("<p>", model, ", ", escaped_html(head.method),
             ". <span style=\"background:rgba(0,160,60,.6)\">Green</span> speaks for the label, "
             "<span style=\"background:rgba(220,30,30,.6)\">red</span> against it; the strongest "
             "of each text is the deepest. Rest the pointer on a word for its contribution to the "
             "label's log-odds.</p>\n"));
}

void ExplainPage::add(const std::string& label, double probability,
                      const std::vector<ExplainedPiece>& pieces, bool truncated) {
  const double most = strongest(pieces);
  auto html =
      concat("<p class=\"head\"><b>", escaped_html(replace_invalid_utf8(label)), "</b> ",
             formatted("%.4f", probability), truncated ? ", cut to the classifier's length" : "",
             "</p>\n<p class=\"text\">");
  for (const auto& piece : pieces) {
    html += formatted("<span title=\"%+.4f\"", piece.contribution);
    html +=
        formatted(" style=\"background:rgba(%s,%.2f)\">",
                  piece.contribution > 0 ? "0,160,60" : "220,30,30", 0.8 * strength(piece, most));
    html += escaped_html(piece.text) + "</span>";
  }
  file_.write(html + "</p>\n");
}

void ExplainPage::finish(const std::string& note) {
  if (!note.empty()) file_.write("<p><b>" + escaped_html(note) + "</b></p>\n");
  file_.write("</body>\n</html>\n");
  file_.commit();
}

}  // namespace gptkit
