#include "text/sentencepiece_folder.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using testing::ElementsAre;

/// <unk>, <s>, </s> and "a" of a model like Llama's.
SentencePieceModel llama_like_model() {
  return {.pieces = {{"<unk>", 0, PieceType::kUnknown},
                     {"<s>", 0, PieceType::kControl},
                     {"</s>", 0, PieceType::kControl},
                     {"a", 0, PieceType::kNormal}},
          .algorithm = 2};
}

TEST(SentencePieceFolder, AddedTokensFollowTheLastPiece) {
  const test::ScratchFolder folder;
  EXPECT_TRUE(pieces_beside(folder.path(), llama_like_model(), "m").empty());
  write_file_atomic(folder / "added_tokens.json", R"({"<x>": 4})");
  const auto added = pieces_beside(folder.path(), llama_like_model(), "m");
  ASSERT_EQ(added.size(), 1u);
  EXPECT_EQ(added[0].text, "<x>");
  write_file_atomic(folder / "added_tokens.json", R"({"<x>": 5})");
  expect_error([&] { pieces_beside(folder.path(), llama_like_model(), "m"); },
               "m: added token '<x>' has id 5, the next free one is 4");
}

TEST(SentencePieceFolder, TokenizerConfigNamesTheTokensAroundAText) {
  const test::ScratchFolder folder;
  EXPECT_THAT(roles_beside(folder.path(), llama_like_model()).frame.before, ElementsAre(1));
  write_file_atomic(folder / "tokenizer_config.json",
                    R"({"add_bos_token": false, "add_eos_token": true, "eos_token": "</s>"})");
  const auto roles = roles_beside(folder.path(), llama_like_model());
  EXPECT_TRUE(roles.frame.before.empty());
  EXPECT_THAT(roles.frame.behind, ElementsAre(2));
  EXPECT_EQ(roles.end_of_text, 2);
}

}  // namespace
}  // namespace gptkit
