// tokenize: learn a tokenizer, turn text into token ids and back.
//   tokenize train --algorithm bpe --vocab-size 8000 --out my-tokenizer corpus.txt
//   tokenize encode --tokenizer my-tokenizer < text.txt | tokenize decode --tokenizer my-tokenizer

#include "data/tokenize.h"

#include <iostream>

#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "common/cli.h"
#include "data/corpus.h"

namespace {
using namespace gptkit;

struct Options {
  CommonOptions common;
  TokenizerTraining training;
  EncodeInput input;
  CorpusOptions shards;
  std::vector<std::string> filter;
  std::string tokenizer, out;
  bool allow_special = false;
};

void print(std::string_view text) { std::cout << text; }

void train(Options& o) {
  o.training.threads = o.common.threads;
  const auto tokenizer = train_tokenizer(o.training);
  if (o.common.json) {
    print(dump_json(OrderedJson{{"vocab_size", tokenizer->vocab_size()},
                                {"out", o.training.out.string()}}) +
          "\n");
  }
}

void encode(Options& o, const Tokenizer& tokenizer) {
  const auto wanted = parse_filter(o.filter, "--filter");
  require(o.filter.empty() || !o.out.empty(), "--filter needs --out: it filters for token shards");
  if (o.out.empty()) return encode_as_text(tokenizer, o.input, o.common.json, print);
  require(!o.input.lines, "--lines does not go with --out; give one document a line as .jsonl");
  require(!o.input.files.empty(), "--out needs files: it reads its input twice");
  o.shards.train.assign(o.input.files.begin(), o.input.files.end());
  o.shards.allow_special = o.allow_special;
  o.shards.threads = o.common.threads;
  DocumentFilter filter(wanted, o.common.threads);
  if (wanted.active()) o.shards.filter = &filter;
  const auto done = encode_to_shards(o.shards, tokenizer, o.out);
  if (wanted.active()) log_info(describe(filter.report()));
  log_info("wrote ", format_count(done.train_tokens), " training and ",
           format_count(done.validation_tokens), " validation tokens to ", o.out);
}

}  // namespace

int main(int argc, char** argv) {
  return run_app("tokenize", [&] {
    Options o;
    CLI::App app("Learn a tokenizer, turn text into token ids and back.", "tokenize");
    app.require_subcommand(1);
    auto& training = *app.add_subcommand("train", "learn a tokenizer from text");
    auto& encoding = *app.add_subcommand("encode", "text to token ids, or to token shards");
    auto& decoding = *app.add_subcommand("decode", "token ids on standard input to text");
    auto& counting = *app.add_subcommand("count", "tokens, bytes per token, vocabulary use");

    training.add_option("--algorithm", o.training.algorithm, "bpe, unigram, word or char")
        ->required()
        ->check(CLI::IsMember({"bpe", "unigram", "word", "char"}));
    training.add_option("--vocab-size", o.training.vocab_size, "tokens, special ones included")
        ->check(integer_in(1, 1 << 24));
    const auto unknown = [&](bool wanted) { return [&o, wanted] { o.training.unknown = wanted; }; };
    training.add_flag_callback("--unknown", unknown(true), "char: with <|endoftext|> and <|unk|>");
    training.add_flag_callback("--no-unknown", unknown(false), "word: refuse what is unknown");
    training.add_option("--out", o.training.out, "folder to write")->required();
    training.add_flag("--overwrite", o.training.overwrite, "replace the tokenizer --out holds");
    training.add_option("FILE", o.training.inputs, "files, folders, .jsonl")->required();
    for (auto* command : {&encoding, &decoding, &counting}) {
      command->add_option("--tokenizer", o.tokenizer, "gpt2, a folder, or a .model file")
          ->required();
    }
    for (auto* command : {&encoding, &counting}) {
      command->add_flag("--allow-special", o.allow_special,
                        "special tokens in the text are tokens");
      command->add_flag("--lines", o.input.lines, "every input line is a document");
      command->add_option("FILE", o.input.files,
                          "files, folders, .jsonl; - or none: standard input");
    }
    encoding.add_option("--out", o.out, "write token shards to this new folder");
    encoding.add_option("--validation", o.shards.validation_fraction, "part for val-*.bin")
        ->check(real_in(0, 0.99));
    encoding
        .add_option("--filter", o.filter,
                    "drop documents, KEY=VALUE as in data.filter: near_duplicates=0.8")
        ->allow_extra_args(false);
    for (auto* command : {&training, &encoding, &decoding, &counting}) {
      add_basic_options(*command, o.common);
    }
    parse(app, argc, argv);

    if (training) return train(o);
    const auto tokenizer = load_tokenizer(o.tokenizer);
    o.input.special = o.allow_special ? SpecialTokens::kAllow : SpecialTokens::kAsText;
    o.input.threads = o.common.threads;
    if (encoding) encode(o, *tokenizer);
    if (decoding) decode_to_text(*tokenizer, o.common.json, print);
    if (counting) print(describe(count_tokens(*tokenizer, o.input), o.common.json));
  });
}
