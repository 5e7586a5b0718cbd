// A tokenizer whose tokens are the 256 bytes gives every text back.
#include <iostream>
#include <string>

#include "text/bpe.h"

int main() {
  gptkit::BpeModel bytes;
  for (int value = 0; value < 256; ++value) bytes.tokens.emplace_back(1, static_cast<char>(value));
  const gptkit::BpeTokenizer tokenizer(bytes);

  const std::string text = "Every effort moves you.";
  const auto ids = tokenizer.encode(text);
  std::cout << ids.size() << " ids -> " << tokenizer.decode(ids) << '\n';
  return tokenizer.decode(ids) == text ? 0 : 1;
}
