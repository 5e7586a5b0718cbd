#pragma once
// The HTML of a page lives in report/templates, embedded at build time; this puts values into it.
// The language is a subset of Mustache (https://mustache.github.io/mustache.5.html):
//   {{name}}                   a text, escaped
//   {{{name}}}                 an Html, as it is
//   {{#name}} ... {{/name}}    once for each item of a list, or once for a text that is not empty,
//   an
//                              Html that is not empty or a flag that is set
//   {{^name}} ... {{/name}}    where {{#name}} would show nothing
// Inside a list's section its items' names come first, then the names around it. A line with
// nothing but the tag of a section is left out.
//
// A place without a value and a value without a place are bugs of ours: std::logic_error.

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace gptkit {

/// Markup, as opposed to text.
struct Html {
  std::string markup;
};

class PageValues;
using PageList = std::vector<PageValues>;
using PageValue = std::variant<std::string, Html, bool, PageList>;

/// Names and values of a template or of an item of a list. A flag shows or hides a section.
class PageValues {
 public:
  PageValues() = default;
  PageValues(std::initializer_list<std::pair<const std::string, PageValue>> values);

  void set(const std::string& name, PageValue value);
  /// nullptr when absent.
  const PageValue* find(const std::string& name) const;
  const std::map<std::string, PageValue>& all() const;

 private:
  std::map<std::string, PageValue> values_;
};

/// A file of report/templates with its values.
Html render(std::string_view template_name, const PageValues& values);

/// A template that is not a file.
std::string render_text(std::string_view text, const PageValues& values);

/// A file of report/templates as it is.
std::string_view template_text(std::string_view template_name);

}  // namespace gptkit
