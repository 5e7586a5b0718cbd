#pragma once
// The HTML of pages is in report/templates, embedded at build time; this fills in values. The
// language is a subset of Mustache (https://mustache.github.io/mustache.5.html):
//   {{name}}                   a text, escaped
//   {{{name}}}                 an Html, as it is
//   {{#name}} ... {{/name}}    once for each item of a list, or once for a non-empty text or
//                              Html, or a flag that is set
//   {{^name}} ... {{/name}}    where {{#name}} would show nothing
// Inside the section of a list, names of the item take precedence over outer names. A line with
// only a section tag is left out.
//
// A tag without a value, or a value without a tag, is a bug in gptkit: std::logic_error.

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

/// An unmodified file of report/templates.
std::string_view template_text(std::string_view template_name);

}  // namespace gptkit
