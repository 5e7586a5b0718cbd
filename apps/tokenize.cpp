// tokenize: learn a tokenizer, convert text to token ids and back.
//   tokenize train --algorithm bpe --vocab-size 8000 --out my-tokenizer corpus.txt
//   tokenize encode --tokenizer my-tokenizer < text.txt | tokenize decode --tokenizer my-tokenizer

#include "tasks/tokenize/tokenize.h"

#include "base/json.h"
#include "base/log.h"
#include "base/strings.h"
#include "common/program.h"

namespace {
using namespace gptkit;
using Files = std::vector<std::string>;

void print(std::string_view text) { std::cout << text; }

void train(TokenizerTraining training, const Files& files, const CommonOptions& common) {
  training.files.insert(training.files.end(), files.begin(), files.end());
  training.threads = common.threads;
  const auto tokenizer = train_tokenizer(training);
  if (common.json) {
    print(dump_json(OrderedJson{{"vocab_size", tokenizer->vocab_size()},
                                {"out", training.out.string()}}) +
          "\n");
  }
}

std::shared_ptr<const Tokenizer> open(const NameOrPath& name) {
  require(!name.empty(), "missing --tokenizer: gpt2, a folder, or a .model file");
  return load_tokenizer(name.text);
}

void encode(const EncodeConfig& config, const Files& files, const CommonOptions& common) {
  validate(config, files);
  const auto tokenizer = open(config.tokenizer);
  const auto input = input_of(config, files, common.threads);
  if (config.out.empty()) return encode_as_text(*tokenizer, input, common.json, print);
  CorpusOptions shards;
  shards.train.assign(input.files.begin(), input.files.end());
  shards.validation_fraction = config.validation;
  shards.allow_special = config.allow_special;
  shards.threads = common.threads;
  DocumentFilter filter(config.filter, common.threads);
  if (config.filter.active()) shards.filter = &filter;
  const auto done = encode_to_shards(shards, *tokenizer, config.out);
  if (config.filter.active()) log_info(describe(filter.report()));
  log_info("wrote ", format_count(done.train_tokens), " training and ",
           format_count(done.validation_tokens), " validation tokens to ", config.out.string());
}

void decode(const DecodeConfig& config, const CommonOptions& common) {
  decode_to_text(*open(config.tokenizer), common.json, print);
}

void count(const CountConfig& config, const Files& files, const CommonOptions& common) {
  const auto input = input_of(config, files, common.threads);
  print(describe(count_tokens(*open(config.tokenizer), input), common.json));
}

}  // namespace

int main(int argc, char** argv) {
  Files files;
  /// The work of a command that takes files.
  const auto with_files = [&files](auto work) {
    return [&files, work](const auto& config, const CommonOptions& common) {
      work(config, files, common);
    };
  };
  constexpr const char* kHelp = "Learn a tokenizer, convert text to token ids and back.";
  return run_program({"tokenize", kHelp}, argc, argv, [&](Program& program) {
    auto& training = program.command<TokenizerTraining>("train", "learn a tokenizer from text",
                                                        with_files(train));
    auto& encoding = program.command<EncodeConfig>(
        "encode", "text to token ids, or to token shards", with_files(encode));
    program.command<DecodeConfig>("decode", "token ids on standard input to text", decode);
    auto& counting = program.command<CountConfig>(
        "count", "tokens, bytes per token, vocabulary use", with_files(count));
    training.app->add_option("FILE", files, "files, folders, .jsonl")->type_name("FILE");
    for (auto* command : {encoding.app, counting.app}) {
      command->add_option("FILE", files, "files, folders, .jsonl; - or none: standard input")
          ->type_name("FILE");
    }
    add_section_option(*encoding.app, "--filter", "near_duplicates=0.8", encoding.typed,
                       "drop documents by a rule of data.filter, for example near_duplicates=0.8");
  });
}
