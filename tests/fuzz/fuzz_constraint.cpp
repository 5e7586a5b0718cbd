// infer/constraint: the first byte chooses between an expression and a schema, the second seeds a
// text that keeps to it. The text is complete when its budget ends, and a schema's text is JSON.

#include <memory>
#include <random>

#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "infer/constraint/constraint_state.h"

namespace gptkit::fuzz {

namespace {

constexpr TokenId kEnd = 256;

std::shared_ptr<const TokenTrie> vocabulary() {
  static const auto trie = [] {
    std::vector<std::string> tokens;
    for (int b = 0; b < 256; ++b) tokens.emplace_back(1, static_cast<char>(b));
    tokens.emplace_back();
    for (const auto* text : {"{\"", "\":", "\",\"", "}}", "]]", "ab", "aa", "\xC3", "\xA9\xE4"}) {
      tokens.emplace_back(text);
    }
    return std::make_shared<const TokenTrie>(std::move(tokens));
  }();
  return trie;
}

std::string random_text(const Constraint& constraint, unsigned seed) {
  const auto bound =
      std::make_shared<const TokenConstraint>(constraint, vocabulary(), std::vector{kEnd});
  const auto budget = bound->shortest_tokens() + seed % 16;
  if (budget > 300) return {};
  ConstraintState state(bound, budget);
  std::mt19937 random(seed);
  std::string text;
  for (auto left = budget; left > 0 && !state.must_end(); --left) {
    std::vector<float> logits(static_cast<std::size_t>(bound->vocabulary().vocab_size()), 0.0f);
    state.mask(logits, left);
    std::vector<TokenId> ids;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      if (logits[i] == 0) ids.push_back(static_cast<TokenId>(i));
    }
    check(!ids.empty(), "a text can go on until it is complete");
    const auto id = ids[random() % ids.size()];
    if (id == kEnd) break;
    state.accept(id);
    text += vocabulary()->bytes(id);
  }
  check(state.may_end(), "the text is complete when its budget ends");
  return text;
}

}  // namespace

Corpus corpus() {
  const std::vector<std::string> expressions = {
      "^(yes|no)$",     R"([^a-c\d]{2,40}\u00e9?)", "(?:a{3,}|b*?)+",
      "((a?){20}){20}", R"(\w+@\w+\.[a-z]{2,3})",   ".*x.{20}"};
  const std::vector<std::string> schemas = {
      "{}",
      R"({"type":"object","properties":{"a":{"type":"string","maxLength":5},"b":{"$ref":"#"}},"required":["a"]})",
      R"({"type":"array","items":{"enum":[1,"x",null]},"minItems":1,"maxItems":20})",
      R"({"anyOf":[{"$ref":"#/$defs/a"},{"type":"null"}],"$defs":{"a":{"type":"integer","minimum":-5,"maximum":120}}})",
      R"({"prefixItems":[{"type":"number","minimum":0,"maximum":1},{"pattern":"^a+$"}],"items":{"format":"date"}})",
      R"({"additionalProperties":{"type":["boolean","null"]},"required":["k"]})"};
  Corpus corpus;
  for (const auto& text : expressions) corpus.seeds.push_back("r1" + text);
  for (const auto& text : schemas) corpus.seeds.push_back("s7" + text);
  corpus.mutations_per_seed = 500;
  return corpus;
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    if (bytes.size() < 2) return;
    const auto seed = static_cast<unsigned char>(bytes[1]);
    if (bytes[0] == 'r') {
      const auto text = fuzz::random_text(Constraint::regex(bytes.substr(2), "regex"), seed);
      fuzz::check(is_valid_utf8(text), "an expression's text is UTF-8");
      return;
    }
    const auto text =
        fuzz::random_text(Constraint::json_schema_text(bytes.substr(2), "schema"), seed);
    if (!text.empty()) fuzz::check(Json::accept(text), "a schema's text is JSON");
  });
}
