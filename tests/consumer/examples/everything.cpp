// Converts a model, measures its perplexity, and prints the version: what is left of the headers.
//   everything runs/mine/model stories.txt mine.gguf
#include <gptkit/gptkit.h>

#include <cmath>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: everything MODEL TEXT-FILE OUT.gguf\n";
    return 2;
  }
  std::cout << "gptkit " << gptkit::version() << '\n';
  try {
    gptkit::convert(argv[1], argv[3], {.dtype = "float32", .overwrite = true});
    std::cout << gptkit::inspect(argv[3]).size() << " bytes of JSON about " << argv[3] << '\n';

    const auto before = gptkit::perplexity(argv[1], {argv[2]});
    const auto after = gptkit::perplexity(argv[3], {argv[2]});
    std::cout << "perplexity " << before.perplexity << " over " << before.tokens << " tokens\n";
    return std::abs(before.loss - after.loss) < 1e-4 ? 0 : 1;
  } catch (const gptkit::Error& error) {
    std::cerr << "everything: " << error.what() << '\n';
    return 2;
  }
}
