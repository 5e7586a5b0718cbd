#include "base/config/config.h"

#include <array>

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

enum class Schedule { kConstant, kCosine };

constexpr std::array<std::pair<const char*, Schedule>, 2> enum_names(Schedule) {
  return {{{"constant", Schedule::kConstant}, {"cosine", Schedule::kCosine}}};
}

struct Model {
  static constexpr const char* kShorthand = "from";
  NameOrPath from;
  std::int64_t n_layer = 12;
  bool operator==(const Model&) const = default;
};

template <class V>
void visit_fields(Model& c, V&& visit) {
  visit("from", c.from, "published weights");
  visit("n_layer", c.n_layer, "number of blocks");
}

struct Source {
  fs::path path;
  double weight = 1;
  bool operator==(const Source&) const = default;
};

template <class V>
void visit_fields(Source& c, V&& visit) {
  visit("path", c.path, "a file");
  visit("weight", c.weight, "its share");
}

struct Train {
  double lr = 1e-3;
  std::optional<std::int64_t> max_steps;
  bool shuffle = true;
  Schedule schedule = Schedule::kConstant;
  std::vector<fs::path> files;
  std::vector<std::string> names{"a"};
  std::vector<Source> sources;
  fs::path out;
  bool operator==(const Train&) const = default;
};

template <class V>
void visit_fields(Train& c, V&& visit) {
  visit("lr", c.lr, "peak learning rate");
  visit("max_steps", c.max_steps, "stop after this many");
  visit("shuffle", c.shuffle, "another order every epoch");
  visit("schedule", c.schedule, "how lr moves");
  visit("files", c.files, "what to read");
  visit("names", c.names, "what to call them");
  visit("sources", c.sources, "files with weights");
  visit("out", c.out, "where to write");
}

/// A section whose keys had other names once.
struct Renamed {
  static constexpr std::array kRenamedKeys = {RenamedKey{"clip", "max_norm"},
                                              RenamedKey{"from", "source.path"},
                                              RenamedKey{"share", "source.weight"}};
  double max_norm = 1;
  std::optional<std::int64_t> limit;
  Source source;
  bool operator==(const Renamed&) const = default;
};

template <class V>
void visit_fields(Renamed& c, V&& visit) {
  visit("max_norm", c.max_norm, "of the gradient");
  visit("limit", c.limit, "of something");
  visit("source", c.source, "a file with its weight");
}

struct WithRenamed {
  std::int64_t seed = 1;
  Renamed train;
  bool operator==(const WithRenamed&) const = default;
};

template <class V>
void visit_fields(WithRenamed& c, V&& visit) {
  visit("seed", c.seed, "of every random choice");
  visit("train", c.train, "how to train");
}

struct Config {
  std::int64_t seed = 123;
  std::string title = "Every effort";
  Model model;
  Train train;
  bool operator==(const Config&) const = default;
};

template <class V>
void visit_fields(Config& c, V&& visit) {
  visit("seed", c.seed, "of every random choice");
  visit("title", c.title, "shown above the plot");
  visit("model", c.model, "the network");
  visit("train", c.train, "how to train");
}

class ConfigTest : public testing::Test {
 protected:
  fs::path write(const std::string& name, std::string_view yaml) {
    write_file_atomic(folder / name, yaml);
    return folder / name;
  }
  Config load(std::string_view yaml, std::vector<ConfigOverride> overrides = {}) {
    Config config;
    origins = load_config(config, {{write("c.yaml", yaml)}, std::move(overrides)});
    return config;
  }
  void expect_refused(std::string_view yaml, const std::string& part) {
    SCOPED_TRACE(std::string(yaml.substr(0, 80)));
    expect_error([&] { load(yaml); }, part);
  }
  Config set(const std::string& key, const std::string& value) {
    return load("", {{key, value, "--set"}});
  }

  ScratchFolder folder;
  ConfigOrigins origins;
};

TEST_F(ConfigTest, EmptyFilesLeaveTheDefaults) {
  for (const char* yaml : {"", "# nothing\n", "null", "~", "---\n", "train:\n", "\n\n", "{}",
                           "seed:\ntrain: {lr: ~, files: null}", "\xEF\xBB\xBF# a mark"}) {
    EXPECT_EQ(load(yaml), Config()) << yaml;
    EXPECT_TRUE(origins.empty());
  }
}

TEST_F(ConfigTest, EveryKindOfFieldIsRead) {
  const Config config = load(R"(
seed: -7
title: "quoted: text"
model: {from: gpt2, n_layer: 3}
train:
  lr: 4.0e-4
  max_steps: 10
  shuffle: false
  schedule: cosine
  files: [a.txt, /b.txt]
  names: one
  sources:
    - {path: x, weight: 2}
    - path: y
  out: sub/../run
)");
  EXPECT_EQ(config.seed, -7);
  EXPECT_EQ(config.title, "quoted: text");
  EXPECT_EQ(config.model, (Model{{"gpt2"}, 3}));
  EXPECT_EQ(config.train.lr, 4.0e-4);
  EXPECT_EQ(config.train.max_steps, 10);
  EXPECT_FALSE(config.train.shuffle);
  EXPECT_EQ(config.train.schedule, Schedule::kCosine);
  EXPECT_THAT(config.train.files, ElementsAre(folder / "a.txt", fs::path("/b.txt")));
  EXPECT_THAT(config.train.names, ElementsAre("one"));
  EXPECT_THAT(config.train.sources, ElementsAre(Source{folder / "x", 2}, Source{folder / "y", 1}));
  EXPECT_EQ(config.train.out, folder / "run");
  EXPECT_EQ(origins["train.lr"], (folder / "c.yaml").string() + ":6");
  EXPECT_EQ(origins["train.sources[1].path"], (folder / "c.yaml").string() + ":14");
}

TEST_F(ConfigTest, AMissingFileOrAFolderIsAnInputError) {
  const auto read = [](const fs::path& path) { read_config({{path}, {}}); };
  expect_error([&] { read(folder / "no.yaml"); }, "no.yaml': No such file or directory");
  expect_error([&] { read(folder.path()); }, "is a folder");
}

TEST_F(ConfigTest, UnknownKeysAreNamedWithTheNearestKnown) {
  expect_refused("seed: 1\ntrain:\n  shuffel: true\n",
                 "c.yaml:3: unknown key 'train.shuffel'; did you mean 'train.shuffle'?");
  expect_refused("train: {max-steps: 1}", "did you mean 'train.max_steps'?");
  expect_refused("train: {learning_rate: 1}", "the keys of 'train' are lr, max_steps, shuffle");
  expect_refused("train: {sources: [{pth: x}]}",
                 "unknown key 'train.sources[0].pth'; did you mean 'train.sources[0].path'?");
  expect_refused("train.lr: 1", "unknown key 'train.lr'; nest it: 'train: {lr: ...}'");
  expect_refused("lora: {rank: 4}", "it is read by finetune-classify, not here");
  expect_refused("\"a\\nb\": 1", "unknown key 'a\\nb'");
}

TEST_F(ConfigTest, ARepeatedKeyNamesBothLines) {
  expect_refused("train:\n  lr: 1\n\n  lr: 2\n",
                 "c.yaml:4: the key 'lr' is set twice; first on line 2");
  expect_refused("seed: 1\n\"seed\": 2", "set twice");
}

TEST_F(ConfigTest, WrongTypesNameKeyFoundAndExpected) {
  expect_refused("seed: many", "c.yaml:1: seed is 'many'; expected an integer");
  expect_refused("seed: [1]", "seed is a list; expected an integer");
  expect_refused("seed: {a: 1}", "seed is a section of keys; expected an integer");
  expect_refused("seed: \"12\"", "seed is the quoted text '12'; expected an integer");
  expect_refused("train: 3", "train is '3'; expected a section with the keys lr, max_steps");
  expect_refused("train: [3]", "train is a list; expected a section");
  expect_refused("train: {shuffle: yes}", "train.shuffle is 'yes'; expected true or false");
  expect_refused("train: {schedule: cosin}",
                 "expected one of constant, cosine; did you mean cosine?");
  expect_refused("train: {files: [[a]]}", "train.files[0] is a list; expected a path");
  expect_refused("train: {names: [a, ]}\ntitle: [a]", "title is a list; expected a text");
  expect_refused("train: {names: [~]}", "train.names[0] is empty; expected a text");
  expect_refused("[1, 2]", "c.yaml:1: expected lines such as 'key: value'; found a list");
  expect_refused("just text", "expected lines such as 'key: value'; found a text");
}

TEST_F(ConfigTest, NumbersHaveOneGrammar) {
  for (const char* text : {"010", "0x10", "0o7", "1e3", "1_000", "3.0", "+1", "-a", "1 2", "--1",
                           "9223372036854775808", "-9223372036854775809", "0b1", "1,000", "٣"}) {
    expect_refused(std::string("seed: ") + text, "expected an integer");
  }
  for (const char* text : {".inf", "-.inf", ".nan", "nan", "inf", "1e400", "-1e400", "1e-400",
                           "010.5", "0x1p3", ".5", "1.", "1e", "1_0.0", "+1.0", "'1'"}) {
    expect_refused(std::string("train: {lr: ") + text + "}", "expected a number");
  }
  EXPECT_EQ(load("seed: -9223372036854775808").seed, INT64_MIN);
  EXPECT_EQ(load("seed: 9223372036854775807").seed, INT64_MAX);
  EXPECT_EQ(load("seed: -0").seed, 0);
  for (const auto& [text, value] : std::map<std::string, double>{
           {"1", 1}, {"-0.5", -0.5}, {"1e3", 1000}, {"1E+3", 1000}, {"2.5e-1", 0.25}}) {
    EXPECT_EQ(load("train: {lr: " + text + "}").train.lr, value);
  }
}

TEST_F(ConfigTest, ShorthandStandsForItsField) {
  EXPECT_EQ(load("model: gpt2").model, (Model{{"gpt2"}, 12}));
  EXPECT_EQ(origins["model.from"], (folder / "c.yaml").string() + ":1");
  EXPECT_EQ(load("model: gpt2", {{"model.n_layer", "3", "--set"}}).model, (Model{{"gpt2"}, 3}));
  EXPECT_EQ(load("model: {n_layer: 3}", {{"model", "gpt2", "--model"}}).model,
            (Model{{"gpt2"}, 3}));
  EXPECT_EQ(load("model: a", {{"model.from", "b", "--set"}}).model.from.text, "b");
  EXPECT_EQ(load("model: {from: a}", {{"model", "b", "--set"}}).model.from.text, "b");
  expect_refused("model: {\"\": gpt2}", "a key is empty");
}

TEST_F(ConfigTest, ANameThatExistsIsAPath) {
  fs::create_directory(folder / "mine");
  EXPECT_EQ(load("model: mine").model.from.text, (folder / "mine").string());
  EXPECT_EQ(load("model: ./other").model.from.text, (folder / "other").string());
  EXPECT_EQ(load("model: gpt2").model.from.text, "gpt2");
}

TEST_F(ConfigTest, LaterFilesAndThenOverridesWin) {
  const auto base = write("base.yaml", "seed: 1\ntitle: base\ntrain: {lr: 1, names: [x, y]}\n");
  fs::create_directory(folder / "sub");
  const auto more = write("sub/more.yaml", "title: more\ntrain: {names: [z], out: run}\n");
  Config config;
  origins =
      load_config(config, {{base, more}, {{"train.lr", "3", "--set"}, {"seed", "9", "--seed"}}});
  EXPECT_EQ(config.seed, 9);
  EXPECT_EQ(config.title, "more");
  EXPECT_EQ(config.train.lr, 3);
  EXPECT_THAT(config.train.names, ElementsAre("z"));
  EXPECT_EQ(config.train.out, folder / "sub" / "run");
  EXPECT_EQ(origins["seed"], "--seed");
  EXPECT_EQ(origins["train.lr"], "--set");
  EXPECT_EQ(origins["title"], more.string() + ":1");
}

TEST_F(ConfigTest, NullTakesAValueBackAndLeavesASectionAlone) {
  EXPECT_EQ(load("seed: 5", {{"seed", "null", "--set"}}).seed, 123);
  EXPECT_EQ(load("train: {lr: 5}", {{"train", "", "--set"}}).train.lr, 5);
}

TEST_F(ConfigTest, AnOverrideIsAValueToItsLastByte) {
  for (const char* text : {"#1",      "Chapter #7 begins",
                           "a # b",   "Dear Sir: hello",
                           "- a",     "'Twas brillig",
                           "\"a\" b", "*x",
                           "&x",      "!x",
                           "|",       ">",
                           "%",       "@",
                           "`",       " a ",
                           "a\tb",    "a\nb",
                           "? a",     "key: {"}) {
    EXPECT_EQ(set("title", text).title, text);
  }
  EXPECT_EQ(set("title", "\"a # b\"").title, "a # b");
  EXPECT_EQ(set("title", "'it''s # 1'").title, "it's # 1");
  EXPECT_THAT(set("train.names", "[a #1, \"b, #2\", it's #3, 'd #4']").train.names,
              ElementsAre("a #1", "b, #2", "it's #3", "d #4"));
  EXPECT_THAT(set("train.files", "messages #2.tsv").train.files,
              ElementsAre(fs::current_path() / "messages #2.tsv"));
}

TEST_F(ConfigTest, PathsAreBytes) {
  const std::string name = "r\xE9ponses \xF4\x8F\xBF\xA9.tsv";  // Latin-1, and U+10FFE9 in UTF-8
  for (const auto& value : {name, "[" + yaml_text(name) + "]", yaml_text(name)}) {
    const auto config = set("train.files", value);
    ASSERT_THAT(config.train.files, ElementsAre(fs::current_path() / name));
    const std::string yaml = config_to_yaml(config);
    EXPECT_THAT(load(yaml).train.files, ElementsAre(fs::current_path() / name)) << yaml;
  }
  EXPECT_EQ(set("title", name).title, name);
  EXPECT_THAT(set("train.files", "[\xE9, b]").train.files,
              ElementsAre(fs::current_path() / "\xE9", fs::current_path() / "b"));
}

TEST_F(ConfigTest, OverridesAreYamlRelativeToTheWorkingFolder) {
  EXPECT_THAT(set("train.files", "[a, b]").train.files,
              ElementsAre(fs::current_path() / "a", fs::current_path() / "b"));
  EXPECT_THAT(set("train.files", "*.txt").train.files, ElementsAre(fs::current_path() / "*.txt"));
  EXPECT_EQ(set("train", "{lr: 2}").train.lr, 2);
  EXPECT_EQ(set("title", "@home").title, "@home");
  EXPECT_EQ(set("title", yaml_text("a: b # c\n")).title, "a: b # c\n");
  expect_error([&] { set("seed", "x"); }, "--set: seed is 'x'; expected an integer");
  expect_error([&] { set("train.learn", "x"); }, "--set: unknown key 'train.learn'");
  expect_error([&] { set("train..lr", "1"); }, "--set train..lr: expected a key such as train.lr");
  expect_error([&] { set("", "1"); }, "expected a key such as train.lr");
  expect_error([&] { set("title", "[a"); },
               "--set title: a key must be a plain text; is a bracket or a quote left open?");
  expect_error([&] { set("seed.x", "1"); }, "seed is a section of keys; expected an integer");
}

TEST_F(ConfigTest, AnOldKeyIsRefusedWithTheNewOne) {
  WithRenamed config;
  const auto file = write("c.yaml", "seed: 2\ntrain:\n  clip: 0.5\n");
  expect_error(
      [&] {
        load_config(config, {{file}, {}});
      },
      file.string() +
          ":3: the key 'train.clip' is now 'train.max_norm'; write "
          "'train.max_norm'");
  expect_error(
      [&] {
        load_config(config, {{}, {{"train.share", "2", "--set"}}});
      },
      "--set: the key 'train.share' is now 'train.source.weight'");
}

TEST_F(ConfigTest, AStoredConfigMayHaveOldKeys) {
  WithRenamed config;
  const auto file = write("config.yaml", "train: {clip: 0.5, from: a.txt, share: 3}\n");
  load_config(config, {{file}, {}, file});
  EXPECT_EQ(config, (WithRenamed{1, {0.5, {}, {folder / "a.txt", 3}}}));
  // What is set beside it is set by a person of today.
  load_config(config, {{file}, {{"train.max_norm", "7", "--set"}}, file});
  EXPECT_EQ(config.train.max_norm, 7);
  expect_error(
      [&] {
        load_config(config, {{file}, {{"train.clip", "7", "--set"}}, file});
      },
      "--set: the key 'train.clip' is now");
}

TEST_F(ConfigTest, AStoredConfigIsRestatedInTheKeysOfToday) {
  const auto old = write("old.yaml", "train:\n  limit: null\n  clip: 0.5\n  share: 3\n");
  EXPECT_EQ(restated_config<WithRenamed>(old),
            "train:\n  max_norm: 0.5\n  limit: null\n  source:\n    weight: 3\n");
  const auto whole = write("whole.yaml", config_to_yaml(WithRenamed{}));
  EXPECT_EQ(restated_config<WithRenamed>(whole), config_to_yaml(WithRenamed{}));
}

TEST_F(ConfigTest, ErrorsCarryTheKeyThatTheyAreAbout) {
  const auto key_of = [&](const std::string& key) {
    try {
      set(key, "x");
    } catch (const Error& error) {
      return error.key();
    }
    return std::string("no error");
  };
  EXPECT_EQ(key_of("train.lr"), "train.lr");
  EXPECT_EQ(key_of("train.learn"), "train.learn");
}

TEST(WithOrigin, AnErrorAboutAValueNamesWhereItWasSet) {
  const Error error(Error::Kind::kInput, "`top_k`: -1 is out of range", "top_k");
  EXPECT_STREQ(with_origin(error, {{"top_k", "a.yaml:3"}}).what(),
               "a.yaml:3: top_k: -1 is out of range");
  EXPECT_STREQ(with_origin(error, {{"top_k", "--set"}}).what(), "--set: top_k: -1 is out of range");
  EXPECT_EQ(with_origin(error, {{"top_k", "--set"}}).key(), "top_k");
  EXPECT_STREQ(with_origin(error, {{"top_k", "--top-k"}}).what(), error.what());
  EXPECT_STREQ(with_origin(error, {}).what(), error.what());
  const Error other(Error::Kind::kRuntime, "no prompt; give `prompt`", "prompt");
  EXPECT_STREQ(with_origin(other, {{"prompt", "a.yaml:3"}}).what(), other.what());
}

}  // namespace
}  // namespace gptkit
