#include "report/page_template.h"

#include <filesystem>
#include <stdexcept>

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using testing::HasSubstr;

/// What the error of a template or value that does not fit says.
std::string bug_in(const std::string& text, const PageValues& values) {
  try {
    render_text(text, values);
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "";
}

TEST(PageTemplate, TextIsEscapedAndMarkupIsNot) {
  EXPECT_EQ(render_text("<b>{{a}}</b>{{{b}}}", {{"a", "<&\"'>"}, {"b", Html{"<i>"}}}),
            "<b>&lt;&amp;&quot;&#39;&gt;</b><i>");
}

TEST(PageTemplate, SectionsRepeatShowOrHide) {
  const std::string text = "{{#list}}[{{x}}{{y}}]{{/list}}{{^list}}none{{/list}}";
  EXPECT_EQ(render_text(text, {{"list", PageList{{{"x", "1"}}, {{"x", "2"}}}}, {"y", "!"}}),
            "[1!][2!]");
  EXPECT_EQ(render_text(text, {{"list", PageList{}}, {"y", "!"}}), "none");
  const std::string flag = "{{#f}}yes{{/f}}{{^f}}no{{/f}}";
  EXPECT_EQ(render_text(flag, {{"f", true}}), "yes");
  EXPECT_EQ(render_text(flag, {{"f", false}}), "no");
  EXPECT_EQ(render_text(flag, {{"f", "text"}}), "yes");
  EXPECT_EQ(render_text(flag, {{"f", ""}}), "no");
  EXPECT_EQ(render_text(flag, {{"f", Html{}}}), "no");
}

TEST(PageTemplate, AnItemsNamesComeFirst) {
  EXPECT_EQ(render_text("{{a}}{{#l}}{{a}}{{/l}}", {{"a", "1"}, {"l", PageList{{{"a", "2"}}}}}),
            "12");
}

TEST(PageTemplate, ALineWithASectionsTagAloneIsLeftOut) {
  EXPECT_EQ(render_text("a\n{{#f}}\nb\n{{/f}}\nc\n", {{"f", true}}), "a\nb\nc\n");
  EXPECT_EQ(render_text("a {{#f}}\nb{{/f}}\nc\n", {{"f", true}}), "a \nb\nc\n");
}

TEST(PageTemplate, AnUnfilledPlaceIsABug) {
  EXPECT_THAT(bug_in("{{a}}", {}), HasSubstr("no value for 'a'"));
  EXPECT_THAT(bug_in("{{#l}}{{a}}{{/l}}", {{"l", PageList{{}}}}), HasSubstr("no value for 'a'"));
}

TEST(PageTemplate, AValueWithoutAPlaceIsABug) {
  EXPECT_THAT(bug_in("{{a}}", {{"a", "1"}, {"b", "2"}}), HasSubstr("no place for the value 'b'"));
  EXPECT_THAT(bug_in("{{#l}}{{/l}}{{b}}", {{"l", PageList{{{"b", "1"}}}}, {"b", "2"}}),
              HasSubstr("no place for the value 'b'"));
}

TEST(PageTemplate, MarkupAndTextAreNotConfused) {
  EXPECT_THAT(bug_in("{{a}}", {{"a", Html{"<b>"}}}), HasSubstr("not a text"));
  EXPECT_THAT(bug_in("{{{a}}}", {{"a", "<b>"}}), HasSubstr("not an Html"));
}

TEST(PageTemplate, ABrokenTemplateIsABug) {
  for (const char* broken : {"{{a", "{{#a}}", "{{/a}}", "{{#a}}{{#b}}{{/a}}{{/b}}", "{{A}}", "{{}}",
                             "{{ a }}", "{{{a}}"}) {
    EXPECT_NE(bug_in(broken, {{"a", "1"}}), "") << broken;
  }
  EXPECT_THROW(template_text("no.html"), std::logic_error);
}

TEST(PageTemplate, EveryFileIsEmbedded) {
  int seen = 0;
  const auto folder = fs::path(GPTKIT_SOURCE_DIR) / "lib/report/templates";
  for (const auto& file : fs::directory_iterator(folder)) {
    EXPECT_EQ(template_text(file.path().filename().string()), read_file(file.path()));
    ++seen;
  }
  EXPECT_GT(seen, 3);
}

}  // namespace
}  // namespace gptkit
