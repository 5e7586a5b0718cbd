#include "text/hugging_face_tokenizer.h"

#include "base/json.h"
#include "text/byte_alphabet.h"
#include "text_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using test::small_model;

TEST(ByteAlphabet, IsGpt2s) {
  EXPECT_EQ(byte_level_text(" hello\n"), "ĠhelloĊ");
  EXPECT_EQ(byte_level_text(std::string("\0\x7f\xad\xff", 4)), "ĀġŃÿ");
  EXPECT_EQ(byte_level_bytes("ĠhelloĊ"), " hello\n");
  EXPECT_EQ(byte_level_bytes("中"), std::nullopt);
  EXPECT_EQ(byte_level_bytes(" "), std::nullopt);
  EXPECT_EQ(byte_level_bytes("\xff"), std::nullopt);
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, static_cast<char>(b));
    EXPECT_EQ(byte_level_bytes(byte_level_text(byte)), byte);
  }
}

/// small_model's tokenizer.json as a value to spoil.
Json small_tokenizer_json() {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  return parse_json(read_file(folder / "tokenizer.json"), "tokenizer.json");
}

BpeModel read_back(const Json& file) {
  ScratchFolder folder;
  write_file_atomic(folder / "tokenizer.json", dump_json(file));
  return read_tokenizer_json(folder / "tokenizer.json");
}

TEST(HuggingFaceTokenizer, WhatIsWrittenIsReadBackFromEitherForm) {
  ScratchFolder folder;
  const auto model = BpeTokenizer(small_model())
                         .with_special_tokens(std::vector<std::string>{"<|im start|>", "中"})
                         ->model();
  write_hugging_face_tokenizer(model, folder.path());
  EXPECT_EQ(read_tokenizer_json(folder / "tokenizer.json"), model);
  EXPECT_EQ(read_vocab_and_merges(folder / "vocab.json", folder / "merges.txt"), model);
  EXPECT_EQ(test::load_bpe(folder.path())->model(), model);
  fs::remove(folder / "tokenizer.json");
  EXPECT_EQ(test::load_bpe(folder.path())->model(), model);
  fs::remove(folder / "merges.txt");
  EXPECT_EQ(load_hugging_face_tokenizer(folder.path()), nullptr);
}

TEST(HuggingFaceTokenizer, Gpt2ComesBackWhole) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const BpeTokenizer tokenizer = test::gpt2_tokenizer(data);
  ScratchFolder folder;
  tokenizer.save(folder.path());
  EXPECT_EQ(read_tokenizer_json(folder / "tokenizer.json"), tokenizer.model());
  EXPECT_EQ(read_vocab_and_merges(folder / "vocab.json", folder / "merges.txt"), tokenizer.model());
}

TEST(HuggingFaceTokenizer, WritingReadingAndWritingGivesTheSameBytes) {
  ScratchFolder first, second;
  write_hugging_face_tokenizer(small_model(), first.path());
  write_hugging_face_tokenizer(read_tokenizer_json(first / "tokenizer.json"), second.path());
  for (const auto& file : fs::directory_iterator(first.path())) {
    EXPECT_EQ(read_file(second / file.path().filename()), read_file(file.path())) << file.path();
  }
}

TEST(HuggingFaceTokenizer, MergesAsPairsAreReadToo) {
  Json file = small_tokenizer_json();
  for (Json& merge : file["model"]["merges"]) {
    const auto text = merge.get<std::string>();
    const auto blank = text.find(' ');
    merge = Json::array({text.substr(0, blank), text.substr(blank + 1)});
  }
  EXPECT_EQ(read_back(file), small_model());
}

TEST(HuggingFaceTokenizer, WhatWouldChangeIdsIsRefusedByName) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    Json file = small_tokenizer_json();
    spoil(file);
    expect_error([&] { read_back(file); }, part);
  };
  refused([](Json& f) { f["model"]["type"] = "Unigram"; }, "unsupported tokenizer type Unigram");
  refused([](Json& f) { f["model"]["type"] = "WordPiece"; },
          "unsupported tokenizer type WordPiece");
  refused([](Json& f) { f["model"]["dropout"] = 0.1; }, "dropout is not supported");
  refused([](Json& f) { f["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word_suffix '</w>'");
  refused([](Json& f) { f["normalizer"] = {{"type", "Lowercase"}}; }, "more than byte-level BPE");
  refused(
      [](Json& f) {
        f["pre_tokenizer"] = {{"type", "Metaspace"}};
      },
      "unsupported pre_tokenizer Metaspace");
  refused([](Json& f) { f["pre_tokenizer"] = nullptr; }, "unsupported pre_tokenizer none");
  refused([](Json& f) { f["pre_tokenizer"]["add_prefix_space"] = true; }, "add_prefix_space");
  refused([](Json& f) { f["pre_tokenizer"]["use_regex"] = false; }, "use_regex");
  refused([](Json& f) { f["pre_tokenizer"] = "ByteLevel"; }, "pre_tokenizer");
  refused([](Json& f) { f["decoder"] = {{"type", "WordPiece"}}; }, "unsupported decoder WordPiece");
  refused(
      [](Json& f) {
        f["post_processor"] = {{"type", "BertProcessing"}};
      },
      "unsupported post_processor BertProcessing");
  refused([](Json& f) { f["added_tokens"][0]["lstrip"] = true; }, "more than byte-level BPE");
}

TEST(HuggingFaceTokenizer, BrokenVocabulariesAreRefused) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    Json file = small_tokenizer_json();
    spoil(file);
    expect_error([&] { read_back(file); }, part);
  };
  refused([](Json& f) { f["model"]["vocab"]["a"] = -1; }, "id -1");
  refused([](Json& f) { f["model"]["vocab"]["a"] = "x"; }, "expected an integer");
  refused([](Json& f) { f["model"]["vocab"]["a"] = 98; }, "two tokens");
  refused([](Json& f) { f["model"]["vocab"]["a"] = 2147483647; }, "without gaps");
  refused([](Json& f) { f["model"]["vocab"]["a"] = 4e18; }, "token 'a'");
  refused([](Json& f) { f["model"]["vocab"].erase("a"); }, "id 97 has no token");
  refused([](Json& f) { f["model"]["vocab"]["hello"] = 262; }, "id 259 has no token");
  refused([](Json& f) { f["model"]["vocab"]["a b"] = 262; }, "not in GPT-2's byte alphabet");
  refused([](Json& f) { f["model"]["vocab"] = Json::array(); }, "not a JSON object");
  refused([](Json& f) { f["model"]["merges"][0] = "h"; }, "merge 0: expected two tokens");
  refused([](Json& f) { f["model"]["merges"][0] = 5; }, "merge 0: expected two tokens");
  refused([](Json& f) { f["model"]["merges"][0] = "h x"; },
          "'hx' of 'h x' is not in the vocabulary");
  refused([](Json& f) { f["model"]["merges"] = "h e"; }, "not a list");
  refused([](Json& f) { f["model"]["merges"][1] = "h e"; }, "merge 1: 'h e' is listed twice");
  refused([](Json& f) { f["model"].erase("merges"); }, "missing");
  refused([](Json& f) { f.erase("model"); }, "no object 'model'");
  refused([](Json& f) { f["added_tokens"][0]["id"] = 5; },
          "has id 5 and, in the vocabulary, another");
  refused([](Json& f) { f["added_tokens"][0].erase("id"); }, "'id' is missing");
  refused([](Json& f) { f["added_tokens"] = 3; }, "added_tokens is not a list");
  refused([](Json& f) { f["added_tokens"].push_back(f["added_tokens"][0]); }, "id 261 is both");
  refused([](Json& f) { f = Json::array(); }, "not a tokenizer.json");
}

/// small_model as Llama 3 has it: its pattern, a token before every text, one that ends turns.
BpeModel llama3_model() {
  BpeModel model =
      BpeTokenizer(small_model())
          .with_special_tokens(std::vector<std::string>{"<|begin|>", "<|eot_id|>", "<tool>"})
          ->model();
  model.pattern = PreTokenPattern::kLlama3;
  model.ignore_merges = true;
  model.frame.before = {262};
  model.end_of_text = 263;
  model.found_in_text = {264};
  return model;
}

TEST(HuggingFaceTokenizer, PatternsRolesAndTokensOfAnyTextAreReadBack) {
  for (const auto& [name, pattern] : enum_names(PreTokenPattern{})) {
    SCOPED_TRACE(name);
    ScratchFolder folder;
    BpeModel model = llama3_model();
    model.pattern = pattern;
    write_hugging_face_tokenizer(model, folder.path());
    const auto read = test::load_bpe(folder.path());
    EXPECT_EQ(read->model(), model);
    EXPECT_EQ(read->begin_of_text(), 262);
    EXPECT_EQ(read->end_of_text(), 263);
    EXPECT_EQ(fs::exists(folder / "merges.txt"), pattern == PreTokenPattern::kGpt2);
  }
}

TEST(HuggingFaceTokenizer, AFirstTokenHasToBeTheAddedOneThatItSays) {
  const auto spoiled = [](auto&& spoil) {
    ScratchFolder folder;
    write_hugging_face_tokenizer(llama3_model(), folder.path());
    Json file = parse_json(read_file(folder / "tokenizer.json"), "tokenizer.json");
    spoil(file, file["post_processor"]["processors"][1]);
    return read_back(file);
  };
  const auto refused = [&](auto&& spoil, const std::string& part) {
    expect_error([&] { spoiled(spoil); }, part);
  };
  EXPECT_EQ(spoiled([](Json& f, Json& t) { f["post_processor"] = Json(t); }).frame,
            (TextFrame{{262}, {}}));
  EXPECT_EQ(spoiled([](Json&, Json& t) { t["single"].erase(0); }).frame, TextFrame());
  refused([](Json&, Json& t) { t["special_tokens"]["<|begin|>"]["ids"] = {5}; },
          "'<|begin|>' with id 5 is not one of the added tokens");
  refused(
      [](Json&, Json& t) {
        t["special_tokens"]["<|begin|>"]["ids"] = {262, 263};
      },
      "expected lists ids and tokens of the same length");
  refused([](Json&, Json& t) { t["special_tokens"] = 3; }, "special_tokens lacks '<|begin|>'");
  EXPECT_EQ(spoiled([](Json&, Json& t) { t["single"].push_back(t["single"][0]); }).frame,
            (TextFrame{{262}, {262}}));
  EXPECT_EQ(spoiled([](Json&, Json& t) {
              t["single"].insert(t["single"].begin(), t["single"][0]);
            }).frame,
            (TextFrame{{262, 262}, {}}));
  refused([](Json&, Json& t) { t["single"].push_back(t["single"][1]); }, "holds the text twice");
  refused([](Json&, Json& t) { t["single"].erase(1); }, "a template without the text");
  refused([](Json&, Json& t) { t["single"] = 1; }, "'single' is not a list");
  refused([](Json&, Json& t) { t["type"] = "BertProcessing"; },
          "unsupported post_processor BertProcessing");
}

TEST(HuggingFaceTokenizer, WhatStandsAroundATextIsWrittenAndReadBack) {
  ScratchFolder folder;
  BpeModel model = llama3_model();
  model.frame = {{262, 263}, {261}};
  write_hugging_face_tokenizer(model, folder.path());
  const auto read = test::load_bpe(folder.path());
  EXPECT_EQ(read->model(), model);
  EXPECT_EQ(encode_text(*read, "a"), (std::vector<TokenId>{262, 263, 'a', 261}));
  EXPECT_EQ(encode_beginning(*read, "a"), (std::vector<TokenId>{262, 263, 'a'}));
}

TEST(HuggingFaceTokenizer, AddBosTokenCountsWhereNoTokenizerJsonIs) {
  ScratchFolder folder;
  BpeModel model = llama3_model();
  model.pattern = PreTokenPattern::kGpt2;
  model.frame = {};
  write_hugging_face_tokenizer(model, folder.path());
  write_file_atomic(folder / "tokenizer_config.json",
                    R"({"add_bos_token": true, "add_eos_token": true, "bos_token": "<|begin|>",
                        "eos_token": "<|eot_id|>", "added_tokens_decoder": {
                        "262": {"content": "<|begin|>"}, "263": {"content": "<|eot_id|>"}}})");
  const auto frame = [&] { return load_hugging_face_tokenizer(folder.path())->frame(); };
  EXPECT_EQ(frame(), TextFrame()) << "the post_processor decides";
  fs::remove(folder / "tokenizer.json");
  EXPECT_EQ(frame(), (TextFrame{{262}, {263}}));
}

TEST(HuggingFaceTokenizer, FilesAreSavedAsTheyWere) {
  ScratchFolder folder, saved;
  write_hugging_face_tokenizer(llama3_model(), folder.path());
  const std::string config = R"({"legacy": false, "model_max_length": 64, "pad_token": "<tool>"})";
  write_file_atomic(folder / "tokenizer_config.json", config);
  load_hugging_face_tokenizer(folder.path())->save(saved.path());
  EXPECT_EQ(read_file(saved / "tokenizer_config.json"), config);
  for (const char* name : {"tokenizer.json", "special_tokens_map.json"}) {
    EXPECT_EQ(read_file(saved / name), read_file(folder / name)) << name;
  }
}

TEST(HuggingFaceTokenizer, OtherPatternsAreRefusedWithTheKnownOnes) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    ScratchFolder folder;
    write_hugging_face_tokenizer(llama3_model(), folder.path());
    Json file = parse_json(read_file(folder / "tokenizer.json"), "tokenizer.json");
    spoil(file["pre_tokenizer"]["pretokenizers"]);
    expect_error([&] { read_back(file); }, part);
  };
  refused([](Json& p) { p[0]["pattern"]["Regex"] = "\\p{L}+|\n"; },
          R"(unknown pattern \p{L}+|\n; known are (Llama 3, Qwen 2): (?i:'s|)");
  refused([](Json& p) { p[0]["behavior"] = "Removed"; }, "a Split of behavior 'Removed'");
  refused([](Json& p) { p[0]["invert"] = true; }, "not inverted");
  refused([](Json& p) { p[0]["pattern"] = {{"String", " "}}; }, "by anything but a Regex");
  refused([](Json& p) { p[1]["use_regex"] = true; }, "a ByteLevel behind a Split with use_regex");
  refused([](Json& p) { p[1]["add_prefix_space"] = true; }, "add_prefix_space is not supported");
  refused([](Json& p) { p[0] = {{"type", "Digits"}}; }, "Digits without individual_digits");
  refused([](Json& p) { p.erase(1); }, "unsupported pre_tokenizer Split; expected ByteLevel");
  refused([](Json& p) { p[1] = p[0]; }, "unsupported pre_tokenizer Sequence of Split, Split");
  refused([](Json& p) { p = 3; }, "a Sequence without the list 'pretokenizers'");
}

TEST(HuggingFaceTokenizer, TheEndOfTextIsTheOneThatTheFilesName) {
  ScratchFolder folder;
  BpeModel model = llama3_model();
  write_hugging_face_tokenizer(model, folder.path());
  const auto end = [&] { return load_hugging_face_tokenizer(folder.path())->end_of_text(); };
  write_file_atomic(folder / "tokenizer_config.json", R"({"eos_token": {"content": "<tool>"}})");
  EXPECT_EQ(end(), 264);
  write_file_atomic(folder / "tokenizer_config.json", R"({"eos_token": null})");
  EXPECT_EQ(end(), 263) << "special_tokens_map.json's";
  write_file_atomic(folder / "special_tokens_map.json", "{}");
  EXPECT_EQ(end(), 261);
  write_file_atomic(folder / "generation_config.json", R"({"eos_token_id": [262, 263]})");
  EXPECT_EQ(end(), 262);
  write_file_atomic(folder / "generation_config.json", R"({"eos_token_id": 265})");
  expect_error([&] { end(); }, "eos_token_id 265 is outside the vocabulary of 265");
  write_file_atomic(folder / "tokenizer_config.json", R"({"eos_token": "<none>"})");
  expect_error([&] { end(); },
               "tokenizer_config.json: eos_token '<none>' is not in the vocabulary");
}

/// A folder with small_model's vocab.json and the given merges.txt.
BpeModel read_merges(const std::string& merges) {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  write_file_atomic(folder / "merges.txt", merges);
  return read_vocab_and_merges(folder / "vocab.json", folder / "merges.txt");
}

TEST(HuggingFaceTokenizer, MergesTxtMayLackTheHeaderAndHaveCrlfAndEmptyLines) {
  const BpeModel want = small_model();
  EXPECT_EQ(read_merges("#version: 0.2\nh e\nl l\nhe ll\nhell o\nĠ hello\n"), want);
  EXPECT_EQ(read_merges("h e\nl l\nhe ll\nhell o\nĠ hello"), want);
  EXPECT_EQ(read_merges("#version: 0.2\r\nh e\r\nl l\r\n\r\nhe ll\r\nhell o\r\nĠ hello\r\n\r\n"),
            want);
  EXPECT_TRUE(read_merges("").merges.empty());
}

TEST(HuggingFaceTokenizer, BrokenMergesAreRefusedWithTheirLine) {
  expect_error([] { read_merges("#version: 0.2\nh e\nl  l\n"); },
               "merges.txt:3: expected two tokens");
  expect_error([] { read_merges("h e \n"); }, "merges.txt:1: expected two tokens");
  expect_error([] { read_merges(" h e\n"); }, "merges.txt:1: expected two tokens");
  expect_error([] { read_merges("h\n"); }, "merges.txt:1: expected two tokens");
  expect_error([] { read_merges("h e\nl l\nh x\n"); },
               "merges.txt:3: 'hx' of 'h x' is not in the vocab");
  expect_error([] { read_merges("h e\n\nh e\n"); }, "merges.txt:3: 'h e' is listed twice");
  expect_error([] { read_merges("h \xff\n"); }, "merges.txt:1: ");
}

TEST(HuggingFaceTokenizer, EndOfTextIsSpecialInAPlainVocabulary) {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    fs::remove(folder / name);
  }
  EXPECT_EQ(test::load_bpe(folder.path())->model(), small_model());
}

TEST(HuggingFaceTokenizer, AddedTokensOfAFolderAreSpecial) {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  fs::remove(folder / "tokenizer.json");
  write_file_atomic(folder / "added_tokens.json", R"({"<pad>": 262})");
  EXPECT_EQ(load_hugging_face_tokenizer(folder.path())->special_id("<pad>"), 262);
  write_file_atomic(folder / "added_tokens.json", R"({"<pad>": 263})");
  expect_error([&] { load_hugging_face_tokenizer(folder.path()); }, "id 262 has no token");
  write_file_atomic(folder / "added_tokens.json", R"(["<pad>"])");
  expect_error([&] { load_hugging_face_tokenizer(folder.path()); }, "expected a JSON object");
}

TEST(HuggingFaceTokenizer, TruncatedFilesAreRefused) {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  const std::string whole = read_file(folder / "tokenizer.json");
  for (std::size_t bytes = 0; bytes + 3 < whole.size(); bytes += 97) {
    write_file_atomic(folder / "tokenizer.json", whole.substr(0, bytes));
    expect_error([&] { read_tokenizer_json(folder / "tokenizer.json"); }, "tokenizer.json");
  }
}

}  // namespace
}  // namespace gptkit
