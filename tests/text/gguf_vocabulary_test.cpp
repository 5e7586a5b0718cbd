#include "text/gguf_vocabulary.h"

#include <cmath>

#include "text/sentencepiece.h"
#include "text/word.h"
#include "text_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::small_model;

/// small_model and a token of each other kind.
BpeModel chat_model(PreTokenPattern pattern) {
  const std::vector<std::string> added = {"<|begin|>", "<|im_end|>", "<tool>"};
  BpeModel model = BpeTokenizer(small_model()).with_special_tokens(added)->model();
  model.pattern = pattern;
  model.ignore_merges = pattern == PreTokenPattern::kLlama3;
  model.frame.before = {262};
  model.end_of_text = 263;
  model.found_in_text = {264};
  return model;
}

TEST(GgufVocabulary, ByteLevelBpeComesBackWhole) {
  for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
    SCOPED_TRACE(name);
    const BpeTokenizer tokenizer(chat_model(pattern));
    const GgufVocabulary vocabulary = gguf_vocabulary(tokenizer);
    EXPECT_EQ(vocabulary.pre, name);
    EXPECT_EQ(vocabulary.tokens[' '], "Ġ");
    EXPECT_EQ(vocabulary.merges[4], "Ġ hello");
    EXPECT_EQ(vocabulary.types[264], 4);
    EXPECT_EQ(vocabulary.bos_id, 262);
    EXPECT_EQ(vocabulary.add_bos, true);
    const auto back = tokenizer_from_gguf(vocabulary, "file");
    EXPECT_EQ(dynamic_cast<const BpeTokenizer&>(*back).model(), tokenizer.model());
    EXPECT_EQ(gguf_vocabulary(*back), vocabulary);
  }
}

TEST(GgufVocabulary, WhatAFileLeavesOutIsWhatLlamaCppTakes) {
  GgufVocabulary v = gguf_vocabulary(BpeTokenizer(small_model()));
  v.pre = "";
  v.types = {};
  v.add_bos = v.add_eos = v.add_space_prefix = std::nullopt;
  const auto gpt2 = tokenizer_from_gguf(v, "file");
  EXPECT_EQ(dynamic_cast<const BpeTokenizer&>(*gpt2).model(), small_model());
  EXPECT_EQ(gpt2->begin_of_text(), std::nullopt);
  v.pre = "llama3";
  EXPECT_EQ(tokenizer_from_gguf(v, "file")->begin_of_text(), 261);
  v.bos_id = std::nullopt;
  EXPECT_EQ(tokenizer_from_gguf(v, "file")->begin_of_text(), std::nullopt);
}

TEST(GgufVocabulary, PaddingTokensAreNeverMade) {
  GgufVocabulary v = gguf_vocabulary(BpeTokenizer(small_model()));
  v.tokens.push_back("[PAD262]");
  v.types.push_back(5);
  const auto tokenizer = tokenizer_from_gguf(v, "file");
  EXPECT_EQ(tokenizer->vocab_size(), 263);
  EXPECT_EQ(tokenizer->encode("[PAD262]").size(), 8u);
}

TEST(GgufVocabulary, BrokenOnesAreRefused) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    GgufVocabulary v = gguf_vocabulary(BpeTokenizer(chat_model(PreTokenPattern::kSmolLm)));
    spoil(v);
    expect_error([&] { tokenizer_from_gguf(v, "file"); }, part);
  };
  refused([](auto& v) { v.model = "bert"; }, "file: unsupported tokenizer model 'bert'");
  refused([](auto& v) { v.pre = "tekken"; },
          "unknown pre-tokenizer 'tekken' (tokenizer.ggml.pre); known are gpt-2, llama-bpe");
  refused([](auto& v) { v.tokens.clear(); }, "file: the tokenizer has no tokens");
  refused([](auto& v) { v.types.pop_back(); }, "264 token types for 265 tokens");
  refused([](auto& v) { v.types[7] = 7; }, "token 7 has type 7, expected 1 to 6");
  refused([](auto& v) { v.types[7] = 6; }, "token 7 is of type byte");
  refused([](auto& v) { v.types[261] = 1, v.tokens[261] = "a b"; }, "not in GPT-2's byte alphabet");
  refused([](auto& v) { v.tokens[262].clear(); }, "token 262 is empty");
  refused([](auto& v) { v.tokens[66] = v.tokens[65]; }, "tokens 65 and 66 are the same");
  refused([](auto& v) { v.merges[1] = "ll"; }, "merge 1: expected two tokens, found 'll'");
  refused([](auto& v) { v.merges[1] = "l zz"; }, "merge 1: a part of 'l zz' is not in the vocab");
  refused([](auto& v) { v.merges[1] = "x y"; }, "merge 1 makes 'xy', which is not in the vocab");
  refused([](auto& v) { v.eos_id = 265; }, "eos_token_id is 265, outside the vocabulary of 265");
  refused([](auto& v) { v.bos_id = -1; }, "bos_token_id is -1, outside");
  refused([](auto& v) { v.bos_id = std::nullopt; }, "add_bos_token is set but there is no");
  refused([](auto& v) { v.add_eos = true, v.eos_id.reset(); },
          "add_eos_token is set but there is no");
  refused([](auto& v) { v.model = "llama"; }, "0 scores and 265 token types for 265 tokens");
}

TEST(GgufVocabulary, AnEndTokenBehindEveryTextComesBack) {
  GgufVocabulary v = gguf_vocabulary(BpeTokenizer(chat_model(PreTokenPattern::kSmolLm)));
  v.add_eos = true;
  const auto tokenizer = tokenizer_from_gguf(v, "file");
  EXPECT_EQ(tokenizer->frame(), (TextFrame{{262}, {static_cast<TokenId>(*v.eos_id)}}));
  EXPECT_EQ(gguf_vocabulary(*tokenizer).add_eos, true);
}

TEST(GgufVocabulary, RolesComeBack) {
  const BpeTokenizer tokenizer(chat_model(PreTokenPattern::kSmolLm));
  GgufVocabulary v = gguf_vocabulary(tokenizer);
  TokenRoles roles;
  roles.begin = 262;
  roles.pad = 264;
  roles.unknown = 261;
  roles.ends = {{263, 264, 261}};
  add_roles(roles, v);
  EXPECT_EQ(v.pad_id, 264);
  EXPECT_TRUE(v.eos_id && v.eot_id && v.eom_id);
  const auto back = roles_from_gguf(v, tokenizer, "file");
  EXPECT_EQ(back.begin, 262);
  EXPECT_EQ(back.pad, 264);
  EXPECT_EQ(back.unknown, 261);
  EXPECT_THAT(back.ends.value(), testing::UnorderedElementsAre(261, 263, 264));
  roles.ends->push_back(262);
  expect_error([&] { add_roles(roles, v); }, "GGUF stores at most three tokens that end a text");
  v.pad_id = 265;
  expect_error([&] { roles_from_gguf(v, tokenizer, "file"); },
               "padding_token_id is 265, outside the vocabulary of 265");
}

TEST(GgufVocabulary, LlamaCppsRuleForWholePreTokensIsMinded) {
  BpeModel model = small_model();
  model.pattern = PreTokenPattern::kLlama3;
  EXPECT_EQ(gguf_vocabulary(BpeTokenizer(model)).pre, "llama-bpe") << "merges make every token";
  model.tokens.push_back("zz");
  expect_error([&] { gguf_vocabulary(BpeTokenizer(model)); },
               "llama.cpp would take 'zz' for a token, which merges do not make");
  model.ignore_merges = true;
  EXPECT_EQ(gguf_vocabulary(BpeTokenizer(model)).tokens.back(), "zz");
  model.pattern = PreTokenPattern::kGpt2;
  expect_error([&] { gguf_vocabulary(BpeTokenizer(model)); }, "would merge where it takes 'zz'");
}

/// A SentencePiece BPE model of a text.
std::shared_ptr<const Tokenizer> learned() {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "the quick brown fox " + std::to_string(i) + "\n";
  SentencePieceText lines;
  lines.add(text, "text");
  return train_sentencepiece(
      lines, {.algorithm = SentencePieceOptions::Algorithm::kBpe, .vocab_size = 330});
}

TEST(GgufVocabulary, SentencePieceComesBack) {
  const auto tokenizer = learned();
  GgufVocabulary v = gguf_vocabulary(*tokenizer);
  EXPECT_EQ(v.model, "llama");
  EXPECT_EQ(v.add_space_prefix, false);
  const auto back = tokenizer_from_gguf(v, "file");
  EXPECT_EQ(gguf_vocabulary(*back), v);
  test::Random random(3);
  for (int i = 0; i < 300; ++i) {
    std::string text = random.bytes(random.below(20)) + " the  quick\n\tbrown fox 7\n";
    EXPECT_EQ(back->encode(text), tokenizer->encode(text));
    EXPECT_EQ(back->decode(back->encode(text)), text);
  }
  v.add_space_prefix = std::nullopt;  // as Llama's
  EXPECT_EQ(tokenizer_from_gguf(v, "file")->encode("fox"), tokenizer->encode(" fox"));
}

TEST(GgufVocabulary, LlamasPlacesAreTakenWhereAFileDoesNotSay) {
  GgufVocabulary v = gguf_vocabulary(*learned());
  v.tokens.insert(v.tokens.begin() + 1, {"<s>", "</s>"});
  v.types.insert(v.types.begin() + 1, {3, 3});
  v.scores.insert(v.scores.begin() + 1, {0, 0});
  v.bos_id = v.eos_id = v.unk_id = std::nullopt;
  v.add_bos = std::nullopt;
  const auto tokenizer = tokenizer_from_gguf(v, "file");
  EXPECT_EQ(tokenizer->begin_of_text(), 1);
  EXPECT_EQ(tokenizer->end_of_text(), 2);
  EXPECT_EQ(gguf_vocabulary(*tokenizer).unk_id, 0);
  test::ScratchFolder folder;
  tokenizer->save(folder.path());
  const auto again = load_tokenizer(folder.path().string());
  EXPECT_EQ(again->begin_of_text(), 1);
  EXPECT_EQ(again->end_of_text(), 2);
}

TEST(GgufVocabulary, BrokenSentencePiecesAreRefused) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    GgufVocabulary v = gguf_vocabulary(*learned());
    spoil(v);
    expect_error([&] { tokenizer_from_gguf(v, "file"); }, part);
  };
  refused([](auto& v) { v.types[0] = 1; }, "file: ");
  refused([](auto& v) { v.tokens[20] = "x"; }, "piece 20 is of type byte but not named like");
  refused([](auto& v) { v.tokens.back() = v.tokens[v.tokens.size() - 2]; }, "file: ");
  refused([](auto& v) { v.tokens.back() = "\xff"; }, "is not UTF-8");
  refused([](auto& v) { v.tokens.back() = std::string(2000, 'x'); }, "has 2000 bytes");
  refused([](auto& v) { v.scores.back() = NAN; }, "has the score nan");
  refused([](auto& v) { v.eos_id = 330; }, "eos_token_id is 330, outside");
}

TEST(GgufVocabulary, OtherTokenizersHaveNoFormThere) {
  const auto words = train_word_tokenizer({{"a", 1}}, {});
  expect_error([&] { gguf_vocabulary(*words); }, "a word tokenizer cannot be stored in GGUF");
  SentencePieceText lines;
  lines.add("the quick brown fox jumps over the lazy dog", "text");
  const auto unigram = train_sentencepiece(lines, {.vocab_size = 287});
  expect_error([&] { gguf_vocabulary(*unigram); }, "this one is unigram");
}

}  // namespace
}  // namespace gptkit
