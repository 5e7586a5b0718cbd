#include "text/added_token_cutter.h"

#include "base/strings.h"
#include "support/support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

/// The parts of a text in order: "text", or "#ID" of a token.
std::vector<std::string> parts(const AddedToken& token, std::string_view text,
                               SpecialTokens allowed = SpecialTokens::kAllow) {
  AddedTokenCutter cutter;
  cutter.add(token, token.text);
  cutter.finish();
  std::vector<std::string> found;
  cutter.cut(
      text, allowed,
      [&](std::size_t begin, std::size_t end) {
        found.emplace_back(text.substr(begin, end - begin));
      },
      [&](TokenId id) { found.push_back(concat("#", id)); });
  return found;
}

TEST(AddedTokenCutter, CutsATextAtItsTokens) {
  const AddedToken token{.text = "<x>", .id = 7};
  EXPECT_THAT(parts(token, "a <x><x>b"), ElementsAre("a ", "#7", "#7", "b"));
  EXPECT_THAT(parts(token, "a <x>", SpecialTokens::kAsText), ElementsAre("a <x>"));
  EXPECT_TRUE(parts(token, "").empty());
}

TEST(AddedTokenCutter, FollowsTheFlagsOfAToken) {
  AddedToken strip{.text = "<x>", .id = 7, .left_strip = true, .right_strip = true};
  EXPECT_THAT(parts(strip, "a \u00A0<x>\t b"), ElementsAre("a", "#7", "b"));
  const AddedToken word{.text = "cat", .id = 7, .single_word = true};
  EXPECT_THAT(parts(word, "cat concat cats cat!"), ElementsAre("#7", " concat cats ", "#7", "!"));
}

}  // namespace
}  // namespace gptkit
