#include "tasks/classify/explain_view.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "base/files.h"
#include "base/utf8.h"
#include "report/page_template.h"

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

/// From 0 to 1, relative to the strongest piece of the text.
double strength(const ExplainedPiece& piece, double most) {
  return most > 0 ? std::abs(piece.contribution) / most : 0;
}

constexpr std::string_view kHeadline = "<h1>What the classifier looked at</h1>\n";

/// The path must be free or contain an earlier page.
const std::filesystem::path& checked(const std::filesystem::path& path) {
  std::error_code code;
  if (!fs::is_regular_file(path, code) || fs::file_size(path, code) == 0) return path;
  const MappedFile file(path);
  require(file.text().starts_with("<!doctype html>") &&
              file.text().find(kHeadline) != std::string_view::npos,
          path.string(),
          ": is not a page of explanations and is not replaced; name a new file with ",
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
    if (share < 0.05) {  // too small to be visible
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
  file_.write(
      render("explanation_head.html", {{"model", head.model}, {"method", head.method}}).markup);
}

void ExplainPage::add(const std::string& label, double probability,
                      const std::vector<ExplainedPiece>& pieces, bool truncated) {
  const double most = strongest(pieces);
  PageList shown;
  for (const auto& piece : pieces) {
    shown.push_back({{"contribution", formatted("%+.4f", piece.contribution)},
                     {"side", piece.contribution > 0 ? "for" : "against"},
                     {"strength", formatted("%.2f", 0.8 * strength(piece, most))},
                     {"text", piece.text}});
  }
  file_.write(render("explanation_text.html", {{"label", label},
                                               {"probability", formatted("%.4f", probability)},
                                               {"truncated", truncated},
                                               {"pieces", shown}})
                  .markup);
}

void ExplainPage::finish(const std::string& note) {
  file_.write(render("explanation_end.html", {{"note", note}}).markup);
  file_.commit();
}

}  // namespace gptkit
