// tokenizer_bench TOKENIZER FILE THREADS ROUNDS: the best time of ROUNDS encodings of the file, as
// one line of JSON. compare.py runs it beside tiktoken.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/files.h"
#include "text/bpe.h"

int main(int argc, char** argv) try {
  gptkit::require(argc == 5, "usage: tokenizer_bench TOKENIZER FILE THREADS ROUNDS");
  const auto tokenizer = gptkit::load_tokenizer(argv[1]);
  const std::string text = gptkit::read_file(argv[2]);
  const int threads = std::atoi(argv[3]), rounds = std::atoi(argv[4]);

  double best = 1e30;
  std::size_t tokens = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    tokens = gptkit::encode_parallel(*tokenizer, text, threads).size();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
  }
  std::cout << "{\"threads\": " << threads << ", \"bytes\": " << text.size()
            << ", \"tokens\": " << tokens << ", \"seconds\": " << best << "}\n";
} catch (const gptkit::Error& error) {
  std::cerr << "tokenizer_bench: " << error.what() << '\n';
  return error.exit_code();
}
