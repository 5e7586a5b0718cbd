#include "chat/template.h"

#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

const Conversation kTalk = {{"user", " Hi "}, {"assistant", "Ho"}, {"user", "éa"}};

std::string render(const std::string& source, const Json& variables = Json::object()) {
  return ChatTemplate(source, "t.jinja").render(kTalk, {.variables = variables}).text();
}

void refuses(const std::string& source, const std::string& part) {
  SCOPED_TRACE(source);
  expect_error([&] { render(source); }, part);
}

TEST(ChatTemplate, WhiteSpaceAroundTagsIsThatOfTransformers) {
  EXPECT_EQ(render("a\n  {% if true %}\n b\n  {% endif %}\nc\n"), "a\n b\nc");
  EXPECT_EQ(render("a \n {{- 1 -}} \n b"), "a1b");
  EXPECT_EQ(render("  {%+ if true %}x{% endif +%}\ny"), "  x\ny");
  EXPECT_EQ(render("a {#- note -#} b{% raw %} {{ x }} {% endraw %}"), "ab {{ x }} ");
}

TEST(ChatTemplate, TokensThatAreNotThereAreUndefined) {
  EXPECT_EQ(render("[{{ bos_token }}]{{ bos_token is defined }}{{ tools }}"), "[]FalseNone");
  refuses("{{ bos_token + 'x' }}", "t.jinja: chat template, line 1: 'bos_token' is undefined");
  const ChatTemplate chat("{{ bos_token }}{{ eos_token }}", "t");
  EXPECT_EQ(chat.render({}, {.special_tokens = {{"bos_token", "<s>"}}}).text(), "<s>");
}

TEST(ChatTemplate, VariablesHaveTheirTypes) {
  const Json variables = {{"f", 1e16}, {"i", -3}, {"l", {1, "a'b", nullptr}}, {"d", {{"k", 0.1}}}};
  EXPECT_EQ(render("{{ f }} {{ i }} {{ l }} {{ d }} {{ d.k + 0.2 }}", variables),
            "1e+16 -3 [1, \"a'b\", None] {'k': 0.1} 0.30000000000000004");
}

TEST(ChatTemplate, RaiseExceptionIsTheTemplatesOwnMessage) {
  refuses("\n{{ raise_exception('no\\nsuch role') }}",
          "t.jinja: the chat template refuses this conversation: no\\nsuch role");
}

TEST(ChatTemplate, WhatIsNotSupportedIsRefusedByNameAndLine) {
  refuses("\n\n{% include 'x' %}",
          "t.jinja: chat template, line 3: the tag 'include' is not supported");
  refuses("{{ 'a' | urlize }}", "the filter 'urlize' is not supported");
  refuses("{{ 'a' is pickled }}", "the test 'pickled' is not supported");
  refuses("{{ messages.append(1) }}", "the method 'append' of a list is not supported");
  refuses("{{ 'a'.zfill(3) }}", "the method 'zfill' of a str is not supported");
  refuses("{{ ''.__class__ }}", "the attribute '__class__' is not allowed");
  refuses("{{ 'é' | upper }}", "know ASCII letters only");
  refuses("{{ ('<' | safe) + '<' }}", "the filter 'safe' is supported as the last one");
  refuses("{% for x in [] recursive %}{% endfor %}", "recursive loops are not supported");
  refuses("{{ joiner(',') }}", "'joiner' is not supported");
  refuses("{{ 9223372036854775807 + 1 }}", "more than 64 bits");
  refuses("{{ dict(**x) }}", "** of a undefined; expected a dict");
  refuses("{% break %}", "'break' outside of a loop");
  refuses("{% if x %}\n{{ 1 }}", "the tag of line 1 is not closed; expected {% endif %}");
  refuses("{% endif %}", "{% endif %} without its beginning");
  refuses("{{ 'a }}", "the string ' is not closed");
  refuses("{{ (1] }}", "unexpected ']'; expected ')'");
}

TEST(ChatTemplate, NothingTakesForEver) {
  refuses("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
          "steps; it may never end");
  refuses("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "a macro may call itself forever");
  refuses("{{ 'x' * 10000000000 }}", "the template produces more than");
  refuses(
      "{% set n = namespace(t='x') %}{% for i in range(60) %}{% set n.t = n.t + n.t %}"
      "{% endfor %}{{ n.t }}",
      "the template produces more than");
  refuses(
      "{% set n = namespace(t='xy') %}{% for i in range(60) %}"
      "{% set n.t = n.t.replace('x', n.t) %}{% endfor %}",
      "the template produces more than");
  refuses(
      "{% set n = namespace(t=[1]) %}{% for i in range(60) %}{% set n.t = [n.t, n.t] %}"
      "{% endfor %}{{ n.t == [n.t] }}",
      "too many values");
  refuses("{% set n = namespace(t=[]) %}{% for i in range(99) %}{% set n.t = [n.t] %}{% endfor %}",
          "nested lists");
  refuses("{{ [1, 2] * 10000000000 }}", "too many values");
  refuses("{{ range(1000000) | list }}", "range() of more than 100000 numbers");
  refuses("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}", "nested");
  refuses("{{ 1" + std::string(5000, '+') + "1 }}", "nested");
  refuses(
      "{{ not " + std::string(400, ' ') + "not not 1 }}" + "{{ 1 +" + std::string(2, ' ') + "}}",
      "unexpected");
  std::string tags, sum = "1";
  for (int i = 0; i < 3000; ++i) tags += "{% if 1 %}", sum += " + 1";
  refuses(tags, "nested tags");
  refuses("{{ " + sum + " }}", "nested operations");
  expect_error([] { ChatTemplate(std::string(2'000'000, ' '), "model"); },
               "model: the chat template has 2000000 bytes");
}

TEST(ChatTemplate, WhatHoldsItselfIsFreed) {  // for the leak checker
  EXPECT_EQ(render("{% set n = namespace() %}{% set n.me = n %}{% macro m() %}{{ n.x }}"
                   "{% endmacro %}{% set n.m = m %}{{ n.m() }}"),
            "");
}

/// The parts of a rendered text that a person wrote, in brackets.
std::string marked(const std::string& source) {
  const auto text = ChatTemplate(source, "t").render(kTalk, {});
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool written = text.is_written(at), before = at > 0 && text.is_written(at - 1);
    if (written != before) out += written ? '[' : ']';
    out += text.text()[at];
  }
  return out + (text.size() > 0 && text.is_written(text.size() - 1) ? "]" : "");
}

TEST(ChatTemplate, WhatAPersonWroteIsKnownThroughEverything) {
  EXPECT_EQ(marked("<{{ messages[0].content }}>"), "<[ Hi ]>");
  EXPECT_EQ(marked("{{ '<' + messages[0]['content'] | trim + '>' }}"), "<[Hi]>");
  EXPECT_EQ(marked("{{ ('x' ~ messages[1].content).upper() }}"), "X[HO]");
  EXPECT_EQ(marked("{{ messages[0].content.replace('i', 'y') }}"), "[ H]y[ ]");
  EXPECT_EQ(marked("{{ 'a-b'.replace('-', messages[1].content) }}"), "a[Ho]b");
  EXPECT_EQ(marked("{{ messages[2].content[0] }}{{ messages[2].content[-1:] }}"), "[éa]");
  EXPECT_EQ(marked("{{ messages | map(attribute='content') | join('|') }}"), "[ Hi ]|[Ho]|[éa]");
  EXPECT_EQ(marked("{{ messages[1] | tojson }}"),
            "{\"role\": \"assistant\", \"content\": \"[Ho]\"}");
  EXPECT_EQ(marked("{% set x %}({{ messages[1].content }}){% endset %}{{ x }}"), "([Ho])");
  EXPECT_EQ(marked("{% macro m(t) %}({{ t }}){% endmacro %}{{ m(messages[1].content) }}"),
            "([Ho])");
  EXPECT_EQ(marked("{{ '{}!'.format(messages[1].content) }}{{ '%s?' % messages[1].content }}"),
            "[Ho]![Ho]?");
  EXPECT_EQ(marked("{% for c in messages[1].content %}{{ c }},{% endfor %}"), "[H],[o],");
  EXPECT_EQ(marked("{{ messages[1].content == 'Ho' }}{{ messages[0].role }}"), "Trueuser");
}

TEST(ChatTemplate, ArgumentsMayBeSpread) {
  EXPECT_EQ(render("{% macro m(a, b, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}"
                   "{{ m(*[1, 2]) }} {{ m(1, **{'b': 5, 'c': 6}) }} {{ dict(a=1, **{'b': 2}) }}"),
            "123 156 {'a': 1, 'b': 2}");
}

TEST(ChatTemplate, ATextIsNeitherOddNorEven) {
  EXPECT_EQ(render("{{ '%s' is odd }}{{ '%s' is even }}{{ '%s' is divisibleby 1 }}"),
            "FalseFalseFalse");
}

TEST(ChatTemplate, MessagesAreFitForATerminal) {
  refuses("{{ x\xC2\x9B() }}", "'x\\x9b' is undefined");
}

TEST(ChatTemplate, TheDateIsTodays) {
  const auto date = render("{{ strftime_now('%d %b %Y') }}");
  EXPECT_THAT(date, testing::MatchesRegex("[0-9][0-9] [A-Z][a-z][a-z] 20[0-9][0-9]"));
}

}  // namespace
}  // namespace gptkit
