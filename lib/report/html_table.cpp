#include "report/html_table.h"

#include "base/error.h"
#include "base/html_escape.h"
#include "report/format.h"

namespace gptkit {

HtmlTable::HtmlTable(std::vector<std::string> head, std::string css) : css_(std::move(css)) {
  for (const auto& cell : head) head_ += concat("<th scope=\"col\">", cell, "</th>");
}

void HtmlTable::add(const std::vector<std::string>& cells) {
  body_ += "<tr>";
  for (size_t i = 0; i < cells.size(); ++i) {
    body_ += i == 0 ? concat("<th scope=\"row\">", cells[i], "</th>")
                    : concat("<td>", cells[i], "</td>");
  }
  body_ += "</tr>\n";
}

std::string HtmlTable::html() const {
  return concat("<div class=\"scroll\"><table", css_.empty() ? "" : " class=\"" + css_ + "\"",
                ">\n<thead><tr>", head_, "</tr></thead>\n<tbody>\n", body_,
                "</tbody>\n</table></div>\n");
}

std::string html_name(const std::string& text, std::size_t most) {
  return concat("<bdi>", html_escape(visible_text(text, most)), "</bdi>");
}

}  // namespace gptkit
