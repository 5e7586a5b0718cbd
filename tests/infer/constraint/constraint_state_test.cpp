#include "infer/constraint/constraint_state.h"

#include <cmath>
#include <limits>
#include <random>
#include <thread>

#include "base/files.h"
#include "base/json.h"
#include "infer/constraint/constraint_support.h"
#include "infer/constraint/schema_checker.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::accepts;
using test::byte_vocabulary;
using test::expect_error;
using test::kEnd;
using test::with_bytes;

constexpr float kNever = -std::numeric_limits<float>::infinity();

using Vocabulary = std::shared_ptr<const TokenTrie>;

/// Every byte, and tokens that cross the borders of whatever a schema is made of.
Vocabulary many_pieces() {
  return byte_vocabulary({"{\"",   "\":",  "\",\"",   "\"}",  "\"]}", "}}",       "}]",       "]]",
                          "[[",    "[{\"", "name",    "\"a",  "age",  " true",    "tru",      "e,",
                          "12",    "345",  "0.",      "null", "\xC3", "\xA9\xE4", "\xB8\xAD", "é",
                          "\\u00", "\\u",  "d83d\\u", "-",    "abc",  "\", \"",   "value\":", ": ",
                          ", ",    "[]",   "{}",      "\"\"", "red",  "green\"",  "2024-",    "e"});
}

/// Printable ASCII and two whole characters; no other bytes.
Vocabulary few_characters() {
  std::vector<std::string> tokens(257);
  for (int b = 0x20; b < 0x7F; ++b)
    tokens[static_cast<std::size_t>(b)] = std::string(1, static_cast<char>(b));
  tokens.insert(tokens.end(), {"é", "中", "\":", "née"});
  return std::make_shared<const TokenTrie>(std::move(tokens));
}

std::shared_ptr<const TokenConstraint> bound_to(
    Constraint constraint, Vocabulary vocabulary,
    std::size_t cache_bytes = TokenConstraint::kCacheBytes) {
  return std::make_shared<const TokenConstraint>(std::move(constraint), std::move(vocabulary),
                                                 std::vector{kEnd}, cache_bytes);
}

std::vector<TokenId> allowed(const ConstraintState& state, std::int64_t vocab_size,
                             std::int64_t left) {
  std::vector<float> logits(static_cast<std::size_t>(vocab_size), 1.0f);
  state.mask(logits, left);
  std::vector<TokenId> ids;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] != kNever) ids.push_back(static_cast<TokenId>(i));
  }
  return ids;
}

/// What a model of no sense writes: any allowed token, the end rarely.
std::string random_text(const std::shared_ptr<const TokenConstraint>& constraint,
                        const TokenTrie& vocabulary, std::int64_t budget, std::mt19937& random) {
  ConstraintState state(constraint, budget);
  std::string text;
  for (auto left = budget; left > 0 && !state.must_end(); --left) {
    const auto ids = allowed(state, vocabulary.vocab_size(), left);
    if (ids.empty()) {
      ADD_FAILURE() << "nothing may follow " << text;
      break;
    }
    auto id = ids[random() % ids.size()];
    if (id == kEnd && random() % 3 > 0) id = ids[random() % ids.size()];
    if (id == kEnd) return text;
    EXPECT_TRUE(state.allows(id));
    state.accept(id);
    text += vocabulary.bytes(id);
  }
  EXPECT_TRUE(state.may_end()) << text;
  return text;
}

std::vector<OrderedJson> golden_schemas() {
  std::vector<OrderedJson> schemas;
  for (const auto& example : parse_json_ordered(
           read_file(std::string(GPTKIT_SOURCE_DIR) + "/tests/golden/constraints.json"),
           "golden")) {
    schemas.push_back(example["schema"]);
  }
  return schemas;
}

TEST(ConstraintState, EveryRandomTextOfASchemaParsesAndIsValid) {
  std::mt19937 random(7);
  const auto pieces = many_pieces(), characters = few_characters();
  int runs = 0;
  std::size_t bytes = 0;
  for (const auto& schema : golden_schemas()) {
    const auto constraint = Constraint::json_schema(schema, "json_schema");
    for (const auto& vocabulary : {pieces, characters}) {
      const auto bound = bound_to(constraint, vocabulary);
      for (int i = 0; i < 25; ++i, ++runs) {
        const auto budget =
            bound->shortest_tokens() + static_cast<std::int64_t>(random() % (i < 5 ? 2 : 60));
        const auto text = random_text(bound, *vocabulary, budget, random);
        bytes += text.size();
        ASSERT_NO_THROW(parse_json(text, "text")) << text;
        EXPECT_EQ(test::schema_violation(parse_json(text, "text"), schema, schema), "")
            << text << "\n"
            << schema;
        EXPECT_TRUE(accepts(with_bytes(constraint), text)) << text;
      }
    }
  }
  EXPECT_GE(runs, 2000);
  EXPECT_GT(bytes, 40'000u) << "the texts are nearly empty";
}

TEST(ConstraintState, EveryRandomTextOfAnExpressionMatches) {
  std::mt19937 random(8);
  const auto vocabulary = many_pieces();
  for (const std::string pattern :
       {"(yes|no|maybe)( really){0,3}", R"(\d{4}-\d{2}-\d{2})", "[^a]{3,40}x", ".*é+", "(ab|a)*c",
        R"(\{"name": "[a-z]{30,50}", "age": \d+\})", "(a?){90}", "中.{17,}"}) {
    const auto constraint = Constraint::regex(pattern, "regex");
    const auto bound = bound_to(constraint, vocabulary);
    for (int i = 0; i < 40; ++i) {
      const auto budget = bound->shortest_tokens() + static_cast<std::int64_t>(random() % 40);
      const auto text = random_text(bound, *vocabulary, budget, random);
      EXPECT_TRUE(accepts(with_bytes(constraint), text)) << pattern << ": " << text;
    }
  }
}

TEST(ConstraintState, MasksAllowExactlyTheTokensThatGoOn) {
  std::mt19937 random(9);
  const auto vocabulary = many_pieces();
  for (const auto& schema : golden_schemas()) {
    const auto bound = bound_to(Constraint::json_schema(schema, "json_schema"), vocabulary);
    ConstraintState state(bound, 1000);
    for (int step = 0; step < 12 && !state.must_end(); ++step) {
      const auto ids = allowed(state, vocabulary->vocab_size(), 1000);
      std::size_t at = 0;
      for (TokenId id = 0; id < vocabulary->vocab_size(); ++id) {
        const bool in_mask = at < ids.size() && ids[at] == id;
        at += in_mask;
        ASSERT_EQ(in_mask, state.allows(id)) << schema << " token " << id;
      }
      const auto id = ids[random() % ids.size()];
      if (id != kEnd) state.accept(id);
    }
  }
}

TEST(ConstraintState, TheEndIsAllowedExactlyWhenTheTextIsComplete) {
  const auto bound =
      bound_to(Constraint::choices(std::vector<std::string>{"yes", "yesterday"}, "choices"),
               byte_vocabulary({"yes", "ter"}));
  ConstraintState state(bound, 10);
  EXPECT_THAT(allowed(state, 259, 10), testing::ElementsAre('y', 257));
  state.accept(257);
  EXPECT_TRUE(state.may_end());
  EXPECT_FALSE(state.must_end());
  EXPECT_THAT(allowed(state, 259, 10), testing::ElementsAre('t', kEnd, 258));
  state.accept(258);
  EXPECT_FALSE(state.may_end());
  for (const char c : std::string("day")) state.accept(c);
  EXPECT_TRUE(state.must_end());
  EXPECT_THAT(allowed(state, 259, 10), testing::ElementsAre(kEnd));
  expect_error([&] { state.accept('x'); }, "token 120 is not allowed here");
}

TEST(ConstraintState, TheBudgetLeavesOnlyWhatCanStillBeCompleted) {
  const auto bound =
      bound_to(Constraint::choices(std::vector<std::string>{"no", "maybe", "undecided"}, "choices"),
               byte_vocabulary({"und", "ecided", "may", "n"}));
  EXPECT_EQ(bound->shortest_tokens(), 2);
  ConstraintState state(bound, 2);
  EXPECT_THAT(allowed(state, 261, 2), testing::ElementsAre('n', 257, 260));
  EXPECT_THAT(allowed(state, 261, 3), testing::ElementsAre('n', 257, 259, 260));
  expect_error([&] { ConstraintState(bound, 1); },
               "choices: the shortest text that fits needs 2 tokens and the budget is 1; allow "
               "more new tokens");
}

TEST(ConstraintState, SaysWhenTheBudgetEndsATextThatWouldGoOn) {
  ConstraintState state(with_bytes(Constraint::regex("x[a-z]*y|x", "regex")), 9);
  state.accept('x');
  const auto bounded = [&state](char likeliest, std::int64_t left) {
    std::vector<float> logits(257, -1.0f);
    logits[likeliest == '.' ? kEnd : likeliest] = 1;
    return state.mask(logits, left);
  };
  EXPECT_TRUE(bounded('a', 1));
  EXPECT_FALSE(bounded('a', 2));
  EXPECT_FALSE(bounded('y', 1));
  EXPECT_FALSE(bounded('.', 1));
  EXPECT_FALSE(bounded('?', 1)) << "it does not fit anyway";
}

TEST(ConstraintState, TokensOfSeveralBytesCountOnce) {
  const auto vocabulary = byte_vocabulary({"{\"temperature\":", "ature", "{\"temper", "\":"});
  const auto schema =
      R"({"properties": {"temperature": {"type": "integer"}}, "required": ["temperature"]})";
  EXPECT_EQ(bound_to(Constraint::json_schema_text(schema, "s"), vocabulary)->shortest_tokens(), 3);
  EXPECT_EQ(
      bound_to(Constraint::json_schema_text(schema, "s"), byte_vocabulary())->shortest_tokens(),
      17);
}

TEST(ConstraintState, FailsForAVocabularyThatCannotSpellAnyText) {
  const auto choices = Constraint::choices(std::vector<std::string>{"ü"}, "choices");
  expect_error([&] { bound_to(choices, few_characters()); },
               "choices: the vocabulary's tokens cannot spell any text");
  const auto both = bound_to(
      Constraint::choices(std::vector<std::string>{"ü", "é", "xéü"}, "choices"), few_characters());
  EXPECT_EQ(both->shortest_tokens(), 1);
  EXPECT_THAT(allowed(ConstraintState(both, 9), 261, 9), testing::ElementsAre(257))
      << "x leads nowhere";
}

/// A vocabulary in which nearly every name is there already, and budgets without room to spare.
TEST(ConstraintState, NamesDoNotRepeatAndTheBudgetStillSuffices) {
  const auto vocabulary = std::make_shared<const TokenTrie>([] {
    std::vector<std::string> tokens(257);
    tokens.insert(tokens.end(), {"{", "}", "\"", ":", ",", "1", "a", "b", "\":1,\"", "{\"a\":1,\"",
                                 "a\":1,\"a\":", "\":{\"", "\","});
    return tokens;
  }());
  std::mt19937 random(11);
  std::size_t members = 0;
  for (const auto* schema :
       {R"({"type": "object"})", R"({"additionalProperties": {"type": "object"}})",
        R"({"properties": {"a": {}}, "required": ["a"], "additionalProperties": {"const": 1}})"}) {
    const auto bound = bound_to(Constraint::json_schema_text(schema, "json_schema"), vocabulary);
    for (int i = 0; i < 500; ++i) {
      const auto budget = bound->shortest_tokens() + static_cast<std::int64_t>(random() % 40);
      const auto text = random_text(bound, *vocabulary, budget, random);
      ASSERT_NO_THROW(members += parse_json(text, "text").size()) << text;
    }
  }
  EXPECT_GT(members, 2000u);
}

TEST(ConstraintState, LogitsBehindTheVocabularyAreMasked) {
  const auto bound = with_bytes(Constraint::regex("a+", "regex"));
  std::vector<float> logits(300, 2.0f);
  ConstraintState(bound, 3).mask(logits, 3);
  for (std::size_t i = 0; i < logits.size(); ++i)
    EXPECT_EQ(logits[i], i == 'a' ? 2.0f : kNever) << i;
}

TEST(ConstraintState, CopiesGoTheirOwnWays) {
  const auto bound =
      with_bytes(Constraint::choices(std::vector<std::string>{"ab", "ac"}, "choices"));
  ConstraintState one(bound, 9);
  one.accept('a');
  ConstraintState other = one;
  one.accept('b');
  EXPECT_TRUE(one.must_end());
  EXPECT_TRUE(other.allows('c'));
}

TEST(ConstraintState, ASmallMemoryChangesNothing) {
  const auto vocabulary = many_pieces();
  for (const std::string pattern : {".*a.{40}", "(a?){90}b*", R"(\{"name": ".{30,50}"\})"}) {
    const auto large = bound_to(Constraint::regex(pattern, "regex"), vocabulary);
    const auto small = bound_to(Constraint::regex(pattern, "regex"), vocabulary, 20'000);
    std::mt19937 one(4), other(4);
    EXPECT_EQ(random_text(large, *vocabulary, 70, one), random_text(small, *vocabulary, 70, other))
        << pattern;
  }
}

TEST(ConstraintState, ThreadsShareAConstraint) {
  const auto vocabulary = many_pieces();
  const auto bound =
      bound_to(Constraint::json_schema_text("{}", "json_schema"), vocabulary, 200'000);
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (auto& text : texts) {
    threads.emplace_back([&] {
      std::mt19937 random(5);
      text = random_text(bound, *vocabulary, 200, random);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& text : texts) EXPECT_EQ(text, texts[0]);
}

TEST(MakeConstraint, ErrorsCarryTheOptionsKey) {
  EXPECT_FALSE(make_constraint({}).has_value());
  EXPECT_TRUE(make_constraint({.choices = {"a", "b"}}).has_value());
  EXPECT_TRUE(make_constraint({.regex = "a+"}).has_value());
  EXPECT_TRUE(make_constraint({.json_schema = "{}"}).has_value());
  const auto key_of = [](const ConstraintOptions& options, const std::string& part) {
    try {
      make_constraint(options, "sample");
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(part));
      return error.key();
    }
    return std::string("no error");
  };
  EXPECT_EQ(key_of({.choices = {"a", ""}}, "`sample.choices`: a choice is empty"),
            "sample.choices");
  EXPECT_EQ(key_of({.choices = {"\xff"}}, "not valid UTF-8"), "sample.choices");
  EXPECT_EQ(key_of({.choices = {std::string(300'000, 'a')}}, "`sample.choices`: needs more than"),
            "sample.choices");
  EXPECT_EQ(key_of({.regex = "a("}, "`sample.regex`: byte 2"), "sample.regex");
  EXPECT_EQ(key_of({.json_schema = "[]"}, "`sample.json_schema`: #: expected a schema"),
            "sample.json_schema");
  EXPECT_EQ(key_of({.json_schema = "{"}, "`sample.json_schema`: invalid JSON"),
            "sample.json_schema");
  EXPECT_EQ(key_of({.choices = {"a"}, .regex = "a"}, "exclude each other"), "sample.choices");
}

}  // namespace
}  // namespace gptkit
