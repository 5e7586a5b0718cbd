// text/hugging_face_tokenizer: a tokenizer.json that opens encodes any bytes, and decodes ASCII
// text to what it was.

#include "base/json.h"
#include "fuzz.h"
#include "text/hugging_face_tokenizer.h"

namespace gptkit::fuzz {
namespace {

BpeModel small_model() {
  BpeModel model;
  for (int b = 0; b < 256; ++b) model.tokens.emplace_back(1, static_cast<char>(b));
  const auto merge = [&](TokenId left, TokenId right) {
    model.merges.emplace_back(left, right);
    model.tokens.push_back(model.tokens[left] + model.tokens[right]);
    return static_cast<TokenId>(model.tokens.size()) - 1;
  };
  merge(' ', merge(merge('h', 'e'), merge('l', 'l')));
  model.special = {static_cast<TokenId>(model.tokens.size())};
  model.tokens.push_back("<|endoftext|>");
  return model;
}

}  // namespace

Corpus corpus() {
  const std::string file = written("tokenizer.json", [](const std::filesystem::path& folder) {
    write_hugging_face_tokenizer(small_model(), folder);
  });
  Json value = parse_json(file, "tokenizer.json");
  const std::string short_form = dump_json(value);
  value["model"]["ignore_merges"] = true;
  value["model"]["merges"] = {"h e", "l l"};
  return {{short_form, dump_json(value)}, 500};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const BpeTokenizer tokenizer(read_tokenizer_json(fuzz::file_of(bytes)), "input");
    const std::string ascii = "Hello  hell, it's 123\n\n<|endoftext|> ";
    fuzz::check(tokenizer.decode(tokenizer.encode(ascii)) == ascii, "ASCII text comes back");
    // A vocabulary may lack bytes beyond ASCII; they are then left out.
    const std::string any = ascii + "\xC3\xA9\xF0\x9F\x98\x80\xFF" + '\0' + ascii;
    for (const TokenId id : tokenizer.encode(any, SpecialTokens::kAllow)) {
      fuzz::check(tokenizer.contains(id), "an id is in the vocabulary");
      fuzz::touch(tokenizer.token_bytes(id));
    }
  });
}
