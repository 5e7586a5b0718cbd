// Continues a prompt, and shows the most likely next token.
//   generate runs/mine/model "Once upon a time"
#include <gptkit/error.h>
#include <gptkit/language_model.h>

#include <algorithm>
#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: generate MODEL PROMPT\n";
    return 2;
  }
  const std::string prompt = argv[2];
  try {
    const auto model = gptkit::LanguageModel::load(argv[1], {.device = "cpu"});
    std::cout << model.parameters() << " parameters, context of " << model.context_length()
              << " tokens\n";

    gptkit::GenerationConfig config;
    config.max_new_tokens = 20;
    config.temperature = 0.8;
    config.top_k = 50;
    std::cout << prompt;
    const auto print = [](std::string_view piece) {
      std::cout << piece << std::flush;
      return true;  // false would end the generation
    };
    const auto generation = model.generate(prompt, config, print);
    std::cout << '\n' << generation.token_ids.size() << " new tokens\n";

    const auto tokenizer = model.tokenizer();
    const auto ids = tokenizer.encode(prompt);
    const auto logits = model.logits(ids);            // (T,V)
    const auto last = logits.row(logits.tokens - 1);  // (V)
    const auto best = std::max_element(last.begin(), last.end()) - last.begin();
    const auto next = static_cast<gptkit::TokenId>(best);
    std::cout << "most likely next token: '" << tokenizer.decode({{next}}) << "'\n";

    // The same seed gives the same text.
    return model.generate(prompt, config).text == generation.text ? 0 : 1;
  } catch (const gptkit::Error& error) {
    std::cerr << "generate: " << error.what() << '\n';
    return 2;
  }
}
