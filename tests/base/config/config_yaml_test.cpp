// The YAML side of configurations: what is refused, and that what is printed reads back.
#include <chrono>
#include <cmath>
#include <random>

#include "base/config/config.h"
#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

void expect_refused(std::string_view yaml, const std::string& part) {
  SCOPED_TRACE(std::string(yaml.substr(0, 80)));
  expect_error([&] { parse_config(yaml, "c.yaml", "/folder"); }, part);
}

std::string value_of(std::string_view yaml) {
  return parse_config(yaml, "c.yaml", "/").members.at(0).second.scalar;
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(ConfigYaml, OnlyPlainTextIsRead) {
  expect_refused("a: 1\n\tb: 2", "c.yaml:2: a tab indents; indent with spaces");
  expect_refused("a:\n  \t- 2", "c.yaml:2: a tab indents");
  expect_refused(std::string_view("a: 1\nb: \0", 9), "c.yaml:2: control character \\x00");
  expect_refused("a: \x1b[31m", "control character \\x1b");
  for (const char* bad :
       {"\xff", "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80"}) {
    expect_refused(std::string("a: 1\nb: ") + bad, "c.yaml:2: invalid UTF-8");
  }
  EXPECT_EQ(value_of("\xEF\xBB\xBF"
                     "a: \xF0\x9F\x98\x80\xE2\x82\xAC"),
            "\xF0\x9F\x98\x80\xE2\x82\xAC");
  EXPECT_EQ(value_of("a: x\t# a tab before a comment"), "x");
}

TEST(ConfigYaml, WindowsLineEndsAreRead) {
  const auto node = parse_config("a: 1\r\nb: |\r\n  x\r\n  y\r\nc: 2\r\n", "c.yaml", "/");
  ASSERT_EQ(node.members.size(), 3u);
  EXPECT_EQ(node.members[1].second.scalar, "x\ny\n");
  EXPECT_EQ(node.members[2].second.scalar, "2");
  EXPECT_EQ(node.members[2].second.origin, "c.yaml:5");
}

TEST(ConfigYaml, WhatOnlyYamlExpertsKnowIsRefused) {
  expect_refused("a: &x 1\nb: 2", "c.yaml:1: anchors (&name) are not supported");
  expect_refused("a: *x",
                 "c.yaml:1: aliases (*name) are not supported; a text that begins with '*'");
  expect_refused("&a [*a]", "anchors");
  expect_refused("<<: {a: 1}", "merge keys (<<) are not supported");
  expect_refused("a: !!python/object:os.system x",
                 "the tag 'tag:yaml.org,2002:python/object:os.system'");
  expect_refused("a: !!int 3", "is not supported");
  expect_refused("a: 1\n---\nb: 2", "c.yaml:2: a second document begins");
  expect_refused("a: 1\n...\n---\n", "a second document begins");
  expect_refused("? [a]\n: 1", "a key must be a plain text");
  expect_refused("{~: 1}", "a key must be a plain text");
  expect_refused("a: [1", "invalid YAML: end of sequence flow not found");
  expect_refused("a: 1\n  b: 2", "c.yaml:2: invalid YAML: ");
  for (const char* open : {"a: \"x\nb: 1\n", "a: \"x\nb: 1", "a: 'x\nb: 1\n", "a: \"x"}) {
    expect_refused(open, "a quote is not closed");
  }
  EXPECT_EQ(value_of("a: \"x\n  y\"\n...\n...\n"), "x y");
  EXPECT_EQ(value_of("a: |+\n  x\n\n"), "x\n\n");
  EXPECT_EQ(value_of("%YAML 1.2\n---\na: \"*x\"\n...\n"), "*x");
}

TEST(ConfigYaml, HostileTextsAreRefusedAtOnce) {
  const auto begin = std::chrono::steady_clock::now();
  const std::size_t n = 30'000;
  for (const char* unit : {"[", "{", "{a: ", "- ", "? ", "[{", "[a, "}) {
    expect_refused("a:\n  " + repeated(unit, n), "c.yaml:");
  }
  std::string blocks;
  for (std::size_t i = 0; i < 1000; ++i) blocks += std::string(i, ' ') + "a:\n";
  expect_refused(blocks, "nested deeper than 64 levels");
  for (const char* unit : {"&a ", "!a ", "*a ", "\"", "'", "|\n", "a: b: ", ": ", ", "}) {
    expect_refused(repeated(unit, n), "c.yaml:");
  }
  for (const char* unit : {"#", "%", "---\n", "a", "\n", "a\n"}) {  // harmless or not, never slow
    try {
      parse_config(repeated(unit, n), "c.yaml", "/");
    } catch (const Error&) {
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(took.count(), 20) << "together; each is to take less than a second";
}

TEST(ConfigYaml, AFileOverAMebibyteIsRefused) {
  const test::ScratchFolder folder;
  write_file_atomic(folder / "c.yaml", "");
  fs::resize_file(folder / "c.yaml", 100'000'000);
  expect_error([&] { read_config({{folder / "c.yaml"}, {}}); }, "at most 1048576 are accepted");
}

struct Printed {
  std::string text;
  double number = 0;
  fs::path path;
  std::vector<std::string> list;
  std::optional<double> maybe;
  bool operator==(const Printed&) const = default;
};

template <class V>
void visit_fields(Printed& c, V&& visit) {
  visit("text", c.text, "any text");
  visit("number", c.number, "any number");
  visit("path", c.path, "any path");
  visit("list", c.list, "any list");
  visit("maybe", c.maybe, "nothing or a number");
}

struct Outer {
  Printed inner;
  std::vector<Printed> many;
  std::int64_t last = 3;
  bool operator==(const Outer&) const = default;
};

template <class V>
void visit_fields(Outer& c, V&& visit) {
  visit("inner", c.inner, "a section");
  visit("many", c.many, "sections");
  visit("last", c.last, "the end");
}

Outer read_back(const std::string& yaml) {
  Outer config;
  ConfigOrigins origins;
  bind_config(config, parse_config(yaml, "printed.yaml", "/elsewhere"), "", origins);
  return config;
}

TEST(ConfigToYaml, ShowsOriginsAndHelp) {
  Outer config;
  config.inner.list = {"a", "b c"};
  const ConfigOrigins origins = {{"inner.number", "c.yaml:3"}, {"last", "--set"}};
  EXPECT_EQ(config_to_yaml(config, &origins, /*with_help=*/true),
            "inner:                          # a section\n"
            "  text: \"\"                      # any text\n"
            "  number: 0                     # from c.yaml:3\n"
            "  path: \"\"                      # any path\n"
            "  list: [a, b c]                # any list\n"
            "  maybe: null                   # nothing or a number\n"
            "many: []                        # sections\n"
            "last: 3                         # --set\n");
  EXPECT_THAT(config_to_yaml(config), testing::Not(testing::HasSubstr("#")));
}

TEST(ConfigToYaml, ReadsBackEqual) {
  std::mt19937_64 random(1);
  const std::vector<std::string> texts = {"",
                                          " ",
                                          "a",
                                          "null",
                                          "~",
                                          "true",
                                          "No",
                                          "12",
                                          "-1.5",
                                          "1e3",
                                          ".inf",
                                          "a: b",
                                          "a #b",
                                          "#",
                                          "- a",
                                          "*x",
                                          "&x",
                                          "!x",
                                          "{a}",
                                          "[",
                                          "'",
                                          "\"q\"",
                                          "\\n",
                                          "line\nline\n",
                                          "\t",
                                          " lead",
                                          "trail ",
                                          "a,b",
                                          "\x01",
                                          "\x7f",
                                          "\xC3\xA9 \xF0\x9F\x98\x80",
                                          "\xC2\x85",
                                          "---",
                                          "a\r\nb",
                                          "gpt2",
                                          "<|endoftext|>",
                                          "### Instruction:\n{x}",
                                          "%",
                                          "@",
                                          "=",
                                          "<<"};
  for (int round = 0; round < 300; ++round) {
    Outer config;
    const auto pick = [&] { return texts[random() % texts.size()]; };
    const auto fill = [&](Printed& p) {
      p.text = pick();
      p.number = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 1000) - 600);
      p.path = "/p/" + std::to_string(random() % 10);
      for (std::size_t n = random() % 30; n > 0; --n) p.list.push_back(pick());
      if (random() % 2) p.maybe = -static_cast<double>(random() % 100) / 10;
    };
    fill(config.inner);
    config.many.resize(random() % 3);
    for (auto& p : config.many) fill(p);
    const std::string yaml = config_to_yaml(config);
    ASSERT_EQ(read_back(yaml), config) << yaml;
  }
}

TEST(ConfigToYaml, NumbersAreShort) {
  Outer config;
  config.inner.number = 0.1;
  EXPECT_THAT(config_to_yaml(config), testing::HasSubstr("number: 0.1\n"));
  config.inner.number = 4e-4;
  EXPECT_THAT(config_to_yaml(config), testing::HasSubstr("number: 4e-04\n"));
}

}  // namespace
}  // namespace gptkit
