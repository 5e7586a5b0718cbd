// Labels texts with a classifier.
//   classify runs/spam/model "You won a prize, call now" "See you at lunch"
#include <gptkit/classifier.h>
#include <gptkit/error.h>

#include <iomanip>
#include <iostream>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: classify MODEL TEXT...\n";
    return 2;
  }
  try {
    const auto classifier = gptkit::Classifier::load(argv[1]);
    for (const auto& label : classifier.labels()) std::cout << label << ' ';
    std::cout << "are its labels\n" << std::fixed << std::setprecision(3);

    const std::vector<std::string> texts(argv + 2, argv + argc);
    const auto predictions = classifier.classify(texts);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      std::cout << predictions[i].label << '\t' << predictions[i].probability << '\t' << texts[i]
                << (predictions[i].truncated ? " (cut)" : "") << '\n';
    }
    return predictions.size() == texts.size() ? 0 : 1;
  } catch (const gptkit::Error& error) {
    std::cerr << "classify: " << error.what() << '\n';
    return 2;
  }
}
