#include "text/pipeline_tokenizer.h"

#include "base/json.h"
#include "text/gguf_vocabulary.h"
#include "text/text_support.h"

namespace gptkit {
namespace {

using namespace test;
using Ids = std::vector<TokenId>;

/// Llama's kind as transformers 5 saves it: characters, bytes for unknown ones, "▁" for a blank.
Json llama_json() {
  Json vocab = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (int b = 0; b < 256; ++b) {
    vocab[std::string("<0x") + kHex[b / 16] + kHex[b % 16] + ">"] = 3 + b;
  }
  for (const char* token : {"▁", "h", "e", "l", "o", "he", "ll", "hell", "hello", "▁hello"}) {
    vocab[token] = vocab.size();
  }
  Json file = parse_json(R"({"version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                     {"id": 1, "content": "<s>", "special": true},
                     {"id": 2, "content": "</s>", "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first",
                      "split": false},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
      "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"},
      {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "fuse_unk": true,
      "continuing_subword_prefix": null, "end_of_word_suffix": null, "byte_fallback": true,
      "ignore_merges": false, "merges": [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"],
                                         ["▁", "hello"]]}})",
                         "llama");
  file["model"]["vocab"] = vocab;
  return file;
}

std::shared_ptr<const Tokenizer> opened(const Json& file) {
  ScratchFolder folder;
  write_file_atomic(folder / "tokenizer.json", dump_json(file));
  return load_tokenizer(folder.path());
}

TEST(PipelineTokenizer, LlamasKindNeedsNoTokenizerModel) {
  const auto tokenizer = opened(llama_json());
  EXPECT_EQ(tokenizer->encode("hello hello"), (Ids{268, 268}));
  EXPECT_EQ(tokenizer->encode("é"), (Ids{259, 3 + 0xC3, 3 + 0xA9})) << "bytes";
  EXPECT_EQ(tokenizer->encode("\xff"), (Ids{259, 3 + 0xFF}));
  EXPECT_EQ(tokenizer->encode("<s>").size(), 4u) << "as text";
  EXPECT_EQ(tokenizer->encode("<s>hello", SpecialTokens::kAllow), (Ids{1, 267}));
  EXPECT_EQ(tokenizer->frame(), (TextFrame{{1}, {}}));
  EXPECT_EQ(tokenizer->end_of_text(), 2);
  EXPECT_EQ(tokenizer->decode(Ids{268, 268, 3 + 0xC3, 3 + 0xA9}), "hello helloé");
  EXPECT_EQ(tokenizer->token_bytes(268), " hello");
}

TEST(PipelineTokenizer, AnUnknownTokenIsMissedOnlyWhereItIsNeeded) {
  Json file = llama_json();
  file["model"]["unk_token"] = "<none>";
  EXPECT_EQ(opened(file)->encode("é"), (Ids{259, 3 + 0xC3, 3 + 0xA9}));
  file["model"]["byte_fallback"] = false;
  const auto tokenizer = opened(file);
  EXPECT_EQ(tokenizer->encode("hello"), (Ids{268}));
  expect_error([&] { tokenizer->encode("é"); },
               "model.unk_token '<none>' is not in the vocabulary, but the text has");
}

TEST(PipelineTokenizer, AnyBytesComeBack) {
  const auto tokenizer = opened(llama_json());
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    const std::string text = "hello " + random.bytes(random.below(30));
    if (text.find("\xE2\x96\x81") != text.npos) continue;  // the mark for a blank
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  }
}

TEST(PipelineTokenizer, FilesAreSavedAsTheyWere) {
  ScratchFolder folder, saved;
  write_file_atomic(folder / "tokenizer.json", dump_json(llama_json()));
  write_file_atomic(folder / "tokenizer_config.json", R"({"legacy": false})");
  load_tokenizer(folder.path())->save(saved.path());
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    EXPECT_EQ(read_file(saved / name), read_file(folder / name));
  }
}

TEST(PipelineTokenizer, LlamasKindHasAFormInGguf) {
  Json file = llama_json();
  const auto tokenizer = opened(file);
  const auto back = tokenizer_from_gguf(gguf_vocabulary(*tokenizer), "file");
  EXPECT_EQ(back->frame(), tokenizer->frame());
  EXPECT_EQ(back->end_of_text(), 2);
  for (const std::string text : {"hello hello", "hell é\nhe  llo", "", "<s>"}) {
    EXPECT_EQ(back->encode(text), tokenizer->encode(text)) << text;
  }
  file["model"]["vocab"]["ello"] = 269;
  file["model"]["merges"].push_back({"e", "llo"});
  file["model"]["vocab"]["llo"] = 270;
  file["model"]["merges"].push_back({"ll", "o"});
  expect_error([&] { gguf_vocabulary(*opened(file)); },
               "'hello' has 3 pairs of tokens that make it and 1");
}

TEST(PipelineTokenizer, WhatIsNotKnownIsRefusedByName) {
  const auto refused = [](auto&& spoil, const std::string& part) {
    Json file = llama_json();
    spoil(file);
    expect_error([&] { opened(file); }, part);
  };
  refused(
      [](Json& f) {
        f["normalizer"] = {{"type", "StripAccents"}};
      },
      "tokenizer.json: normalizer: unsupported normalizer StripAccents");
  refused(
      [](Json& f) {
        f["normalizer"] = {{"type", "Replace"}, {"pattern", {{"Regex", " +"}}}, {"content", ""}};
      },
      "normalizer: Replace by the Regex \" +\" is not supported; expected a String");
  refused(
      [](Json& f) {
        f["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
      },
      "pre_tokenizer: unsupported pre_tokenizer UnicodeScripts; expected ByteLevel, Split");
  refused([](Json& f) { f["pre_tokenizer"]["prepend_scheme"] = "last"; },
          "prepend_scheme 'last' is not supported; expected one of always, first, never");
  refused(
      [](Json& f) {
        const Json metaspace = f["pre_tokenizer"];
        f["pre_tokenizer"] = {{"type", "Sequence"},
                              {"pretokenizers", {{{"type", "WhitespaceSplit"}}, metaspace}}};
      },
      "a Metaspace with prepend_scheme 'first' behind another step is not supported");
  refused([](Json& f) { f["decoder"] = nullptr; }, "unsupported decoder none");
  refused(
      [](Json& f) {
        f["decoder"]["decoders"][2] = {{"type", "CTC"}};
      },
      "decoder: unsupported decoder CTC at this place");
  refused([](Json& f) { f["post_processor"]["type"] = "RobertaProcessing"; },
          "unsupported post_processor RobertaProcessing");
  refused([](Json& f) { f["model"]["dropout"] = 0.1; }, "BPE dropout is not supported");
  refused(
      [](Json& f) {
        f["model"]["merges"][0] = {"h", "x"};
      },
      "merge 0: 'x' is not in the vocabulary");
  refused([](Json& f) { f["model"]["vocab"]["zz"] = 999; }, "has id 999 but there are only");
  refused([](Json& f) { f["added_tokens"][1]["id"] = 7; },
          "added token '<s>' has id 7 and, in the vocabulary, another");
}

/// A file of byte-level BPE with something more.
std::shared_ptr<const Tokenizer> byte_level_with(const std::string& member, const Json& value) {
  ScratchFolder folder;
  write_hugging_face_tokenizer(small_model(), folder.path());
  Json file = parse_json(read_file(folder / "tokenizer.json"), "tokenizer.json");
  file[member] = value;
  return opened(file);
}

TEST(PipelineTokenizer, NfcAloneStaysTheFastByteLevelBpe) {
  const auto tokenizer = byte_level_with("normalizer", {{"type", "NFC"}});
  const auto* bpe = dynamic_cast<const BpeTokenizer*>(tokenizer.get());
  ASSERT_TRUE(bpe);
  EXPECT_TRUE(bpe->model().nfc);
  EXPECT_EQ(tokenizer->encode("cafe\u0301 hello"), tokenizer->encode("café hello"));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("cafe\u0301")), "café");
  ScratchFolder folder;
  write_hugging_face_tokenizer(bpe->model(), folder.path());
  EXPECT_EQ(load_bpe(folder.path())->model(), bpe->model());
}

TEST(PipelineTokenizer, AddedTokensTakeTheBlanksThatTheirFlagsSay) {
  const Json plain = {{"id", 261}, {"content", "<|endoftext|>"}, {"special", true}};
  const Json mask = {
      {"id", 262}, {"content", "<mask>"}, {"special", false}, {"lstrip", true}, {"rstrip", true}};
  const Json word = {{"id", 263}, {"content", "go"}, {"special", false}, {"single_word", true}};
  const auto tokenizer = byte_level_with("added_tokens", {plain, mask, word});
  EXPECT_EQ(tokenizer->encode("a \t<mask>\n b"), (Ids{'a', 262, 'b'}));
  EXPECT_EQ(tokenizer->encode("go gold"), (Ids{263, ' ', 'g', 'o', 'l', 'd'}));
}

}  // namespace
}  // namespace gptkit
