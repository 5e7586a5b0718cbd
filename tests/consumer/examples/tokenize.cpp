// Learns a tokenizer from a text file, and encodes and decodes a sentence.
//   tokenize stories.txt my-tokenizer
#include <gptkit/error.h>
#include <gptkit/tokenizer_training.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: tokenize TEXT-FILE OUT-FOLDER\n";
    return 2;
  }
  try {
    gptkit::train_tokenizer({argv[1]}, argv[2], {.algorithm = "bpe", .vocab_size = 512});
    const auto tokenizer = gptkit::Tokenizer::load(argv[2]);

    const std::string text = "The old lighthouse, 2:30 \u2014 still dark.";
    const auto ids = tokenizer.encode(text);
    for (const auto id : ids) std::cout << id << ' ';
    std::cout << '\n' << ids.size() << " tokens of " << tokenizer.vocab_size() << '\n';

    // Special tokens in a text are ordinary text, unless they are allowed.
    const auto allowed = tokenizer.encode("<|endoftext|>", gptkit::SpecialTokens::kAllow);
    const bool special = allowed.size() == 1 && allowed.front() == tokenizer.end_of_text();
    return tokenizer.decode(ids) == text && special ? 0 : 1;
  } catch (const gptkit::Error& error) {
    std::cerr << "tokenize: " << error.what() << '\n';
    return 2;
  }
}
