#include "infer/constraint/regex.h"

#include <random>
#include <set>

#include "base/utf8.h"
#include "infer/constraint/constraint_support.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::accepts;
using test::expect_error;
using test::with_bytes;

struct Example {
  std::string pattern;
  std::vector<std::string> fit, others;
};

TEST(Regex, TheWholeTextHasToMatch) {
  const std::vector<Example> examples = {
      {"abc", {"abc"}, {"", "ab", "abcd", "xabc"}},
      {"^abc$", {"abc"}, {"ab"}},
      {"a|bc|", {"a", "bc", ""}, {"b", "abc"}},
      {"(ab)+c?", {"ab", "ababc"}, {"", "aba", "abcc"}},
      {"a{3}", {"aaa"}, {"aa", "aaaa"}},
      {"a{2,}", {"aa", "aaaaaaa"}, {"a"}},
      {"(?:ab){1,2}", {"ab", "abab"}, {"", "ababab"}},
      {"a{0}b", {"b"}, {"ab"}},
      {"[a-c]{20,22}",
       {std::string(20, 'b'), std::string(22, 'c')},
       {std::string(19, 'a'), std::string(23, 'a')}},
      {"(a|b{30,40}){2}", {"aa", "a" + std::string(35, 'b')}, {"a", std::string(59, 'b')}},
      {R"(\d\D\w\W\s\S)", {"1a_- x", "0é9é\tä"}, {"aa_- x", "1a_- \n"}},
      {R"([^\d\s]+)", {"abé-"}, {"a b", "1"}},
      {R"([\w.-]+@x)", {"a.b-c@x"}, {"@x", "a@b@x"}},
      {R"([\]\\^a-]+)", {"]\\^a-"}, {"b"}},
      {R"(\x41\u00e9\u{1F600}\/\.)", {"Aé😀/."}, {"A"}},
      {"a.c",
       {"abc", "aéc", "a😀c"},
       {"a\nc", "a\rc",
        "a\u2028"
        "c",
        "ac"}},
      {"(?<year>[0-9]{4})-(?P<month>[01][0-9])", {"2024-12"}, {"2024-32"}},
      {"a*?b+?c??", {"b", "aabbc"}, {"", "ac"}},
      {"[α-ω]+", {"λογος"}, {"logos"}},
      {"}]", {"}]"}, {}},
      {"(a*)*(b|)*", {"", "aab", "bbb"}, {"ba"}},
  };
  for (const auto& [pattern, fit, others] : examples) {
    const auto constraint = with_bytes(Constraint::regex(pattern, "regex"));
    for (const auto& text : fit) EXPECT_TRUE(accepts(constraint, text)) << pattern << ": " << text;
    for (const auto& text : others) {
      EXPECT_FALSE(accepts(constraint, text)) << pattern << ": " << text;
    }
  }
}

TEST(Regex, RefusesWhatItDoesNotSupportByName) {
  const std::vector<std::pair<std::string, std::string>> refused = {
      {R"((a)\1)", "byte 5 of the regular expression: back-references (\\1) are not supported"},
      {"(?P<n>a)(?P=n)", "back-references (?P=name)"},
      {R"(\k<n>)", "back-references (\\k)"},
      {"(?=a)", "look-around"},
      {"a(?!b)", "look-around"},
      {"(?<=a)b", "look-around"},
      {"(?<!a)b", "look-around"},
      {R"(\ba)", "word boundaries (\\b)"},
      {"a++", "possessive quantifiers such as ++"},
      {"a{2}+", "possessive"},
      {"(?>a)", "atomic groups"},
      {"(?i)a", "flags"},
      {R"(\p{L})", "Unicode properties (\\p)"},
      {R"(\Aa)", "the anchor \\A"},
      {R"(\q)", "the escape \\q"},
      {"a^b", "the anchors ^ and $"},
      {"a$b", "the anchors ^ and $"},
      {"(^a)", "the anchors ^ and $"},
      {"(a$)", "the anchors ^ and $"},
      {"[[:alpha:]]", "classes such as [:alpha:]"},
      {"*a", "nothing to repeat"},
      {"a**", "a repetition cannot be repeated"},
      {"a{", "expected {m}, {m,} or {m,n}"},
      {"a{,3}", "expected {m}, {m,} or {m,n}"},
      {"a{3,2}", "{3,2} counts down"},
      {"a{1", "a count is not closed"},
      {"(a", "a group is not closed"},
      {"a)", "')' closes no group"},
      {"[a", "a class is not closed"},
      {"[]", "a class is empty"},
      {"[b-a]", "a range runs backwards"},
      {R"([\d-z])", "a range needs one character at each end"},
      {"a\\", "a backslash ends the expression"},
      {R"(\xZ0)", "expected hexadecimal digits"},
      {R"(\ud83d)", "names no character"},
      {"(?<n", "the name of a group is not closed"},
      {"", "the regular expression is empty"},
      {"\xff", "not valid UTF-8"},
      {R"([^\s\S])", "no text fits"},
  };
  for (const auto& [pattern, part] : refused) {
    SCOPED_TRACE(pattern);
    expect_error([&, p = pattern] { Constraint::regex(p, "`regex`"); }, part);
    expect_error([&, p = pattern] { Constraint::regex(p, "`regex`"); }, "`regex`: ");
  }
}

TEST(Regex, HostileExpressionsAreRefusedAtOnce) {
  std::string nested, alternatives;
  for (int i = 0; i < 4000; ++i) nested += "(";
  for (int i = 0; i < 3000; ++i) alternatives += "(a|";
  const std::vector<std::pair<std::string, std::string>> hostile = {
      {std::string(1'000'000, 'a'), "has 1000000 bytes; at most 10000"},
      {std::string(1'000'000, '('), "has 1000000 bytes; at most 10000"},
      {nested, "groups are nested deeper than 100"},
      {alternatives, "groups are nested deeper than 100"},
      {"a{99999}", "a count is above 1000"},
      {"(a{1000}){1000}", "stands for more than 10000 characters"},
      {"((((a{10}){10}){10}){10}){10}", "stands for more than 10000 characters"},
      {"(.{1000}){11}", "stands for more than 10000 characters"},
  };
  for (const auto& [pattern, part] : hostile) {
    const test::ProcessorTime time;
    expect_error([&, p = pattern] { Constraint::regex(p, "regex"); }, part);
    EXPECT_LT(time.seconds(), test::kAtOnce) << part;
  }
}

/// Expressions whose sets of states grow with the text stay within the bound, and what they read
/// still matches.
TEST(Regex, AmbiguousExpressionsStayBounded) {
  for (const std::string pattern :
       {"(a?){1000}", "(a*)*b", "((a?){90}){90}", "(a|aa)+", ".*a.{900}"}) {
    const auto constraint = with_bytes(Constraint::regex(pattern, "regex"));
    ConstraintState state(constraint, 2000);
    for (int i = 0; i < 30; ++i) state.accept('a');
    EXPECT_TRUE(state.allows('a')) << pattern;
  }
}

TEST(Regex, WhatIsAcceptedIsValidUtf8) {
  const std::vector<std::string> bad = {"\x80",
                                        "\xC0\x80",
                                        "\xC3",
                                        "\xC3\x41",
                                        "\xE0\x80\x80",
                                        "\xE4\xB8",
                                        "\xED\xA0\x80",
                                        "\xF0\x80\x80\x80",
                                        "\xF0\x9F\x98",
                                        "\xF4\x90\x80\x80",
                                        "\xF5\x80\x80\x80",
                                        "\xFF"};
  for (const std::string pattern :
       {".", "[^a]", R"(\W)", R"(\D)", R"([^\x00-\x7f])", R"([\s\S])", "[^é]"}) {
    const auto constraint = with_bytes(Constraint::regex(pattern, "regex"));
    for (const auto& text : bad) EXPECT_FALSE(accepts(constraint, text)) << pattern;
    for (const std::string text :
         {"\u00e8", "\u4e2d", "\U0001f600", "\U0010ffff", "\ud7ff", "\ue000"}) {
      EXPECT_TRUE(accepts(constraint, text)) << pattern << " " << text;
    }
  }
}

TEST(Regex, ClassesOfOneCharacterAreExact) {
  const auto constraint = with_bytes(
      Constraint::regex(R"([a-c\u00e9-\u0450\ud000-\uffff\u{10000}-\u{1f600}])", "regex"));
  for (char32_t code = 0; code < 0x20000; code += code < 0x3000 ? 1 : 61) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    append_utf8(text, code);
    const bool in = (code >= 'a' && code <= 'c') || (code >= 0xe9 && code <= 0x450) ||
                    (code >= 0xd000 && code <= 0x1f600);
    ASSERT_EQ(accepts(constraint, text), in) << std::uint32_t{code};
  }
}

/// A random expression, and by its definition the ends of its matches from a place in a text.
class Oracle {
 public:
  explicit Oracle(unsigned seed) : random_(seed) {}

  struct Node {
    char kind = 'e';  // e: empty, c: characters, s: sequence, a: alternatives, r: repetition
    std::string characters = {};
    std::vector<Node> children = {};
    int least = 0, most = 0;  // most < 0: no bound
  };

  Node node(int depth) {
    const int kind = below(depth > 0 ? 6 : 2);
    if (kind == 0 && below(4) == 0) return {};
    if (kind <= 1) return {.kind = 'c', .characters = characters()};
    Node node{.kind = kind <= 3 ? 's' : kind == 4 ? 'a' : 'r'};
    const int children = node.kind == 'r' ? 1 : 2 + below(2);
    for (int i = 0; i < children; ++i) node.children.push_back(this->node(depth - 1));
    node.least = below(4);
    node.most = below(3) == 0 ? -1 : node.least + below(18);
    return node;
  }

  static std::string pattern(const Node& node) {
    std::string text;
    switch (node.kind) {
      case 'c':
        return node.characters.size() == 1 ? node.characters : "[" + node.characters + "]";
      case 's':
        for (const auto& child : node.children) text += group(child);
        return text;
      case 'a':
        for (const auto& child : node.children) text += (text.empty() ? "" : "|") + group(child);
        return text;
      case 'r':
        return group(node.children[0]) + "{" + std::to_string(node.least) + "," +
               (node.most < 0 ? "" : std::to_string(node.most)) + "}";
      default:
        return "";
    }
  }

  static std::set<std::size_t> ends(const Node& node, const std::string& text, std::size_t at) {
    switch (node.kind) {
      case 'c':
        if (at < text.size() && node.characters.find(text[at]) != node.characters.npos)
          return {at + 1};
        return {};
      case 's': {
        std::set<std::size_t> from = {at};
        for (const auto& child : node.children) from = ends_of_all(child, text, from);
        return from;
      }
      case 'a': {
        std::set<std::size_t> all;
        for (const auto& child : node.children) all.merge(ends(child, text, at));
        return all;
      }
      case 'r': {
        std::set<std::size_t> all, from = {at};
        const int most = node.most < 0 ? node.least + static_cast<int>(text.size()) + 1 : node.most;
        for (int n = 0; n <= most; ++n) {
          if (n >= node.least) all.insert(from.begin(), from.end());
          from = ends_of_all(node.children[0], text, from);
        }
        return all;
      }
      default:
        return {at};
    }
  }

 private:
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  std::string characters() {
    static const std::vector<std::string> all = {"a", "b", "ab", "bc", "c"};
    return all[static_cast<std::size_t>(below(5))];
  }
  static std::string group(const Node& node) { return "(" + pattern(node) + ")"; }
  static std::set<std::size_t> ends_of_all(const Node& node, const std::string& text,
                                           const std::set<std::size_t>& from) {
    std::set<std::size_t> all;
    for (const auto at : from) all.merge(ends(node, text, at));
    return all;
  }

  std::mt19937 random_;
};

TEST(Regex, RandomExpressionsAcceptWhatTheirDefinitionSays) {
  std::vector<std::string> texts = {""};
  for (std::size_t i = 0; texts[i].size() < 5; ++i) {
    for (const char c : {'a', 'b', 'c'}) texts.push_back(texts[i] + c);
  }
  int fit = 0, others = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    Oracle oracle(seed);
    const auto node = oracle.node(3);
    const auto pattern = Oracle::pattern(node);
    if (pattern.empty()) continue;
    const auto constraint = with_bytes(Constraint::regex(pattern, "regex"));
    for (const auto& text : texts) {
      const bool want = Oracle::ends(node, text, 0).contains(text.size());
      ASSERT_EQ(accepts(constraint, text), want) << pattern << " with '" << text << "'";
      ++(want ? fit : others);
    }
  }
  EXPECT_GT(fit, 1000);
  EXPECT_GT(others, 1000);
}

}  // namespace
}  // namespace gptkit
