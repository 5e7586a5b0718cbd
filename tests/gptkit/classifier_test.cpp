#include "gptkit/classifier.h"

#include <numeric>

#include "tiny.h"

namespace gptkit::api {
namespace {

using PublicClassifier = TinyModel;

TEST_F(PublicClassifier, LabelsEachText) {
  write_messages(folder / "messages.tsv");
  TrainingRequest request;
  request.settings = {{"model", model()},
                      {"data.train", (folder / "messages.tsv").string()},
                      {"classifier.max_tokens", "16"},
                      {"train.epochs", "1"},
                      {"device", "cpu"}};
  request.out = folder / "spam";
  request.threads = 1;
  const auto trained = finetune_classifier(request);

  const auto classifier = Classifier::load(trained.model.string(), {.device = "cpu", .threads = 1});
  EXPECT_THAT(classifier.labels(), testing::ElementsAre("ham", "spam"));
  EXPECT_EQ(classifier.max_tokens(), 16);
  const std::vector<std::string> texts = {"Win a prize", "lunch?", ""};
  const auto predictions = classifier.classify(texts);
  ASSERT_EQ(predictions.size(), 3u);
  for (const auto& prediction : predictions) {
    const auto& p = prediction.probabilities;
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-6);
    EXPECT_EQ(prediction.probability, *std::max_element(p.begin(), p.end()));
    EXPECT_THAT(classifier.labels(), testing::Contains(prediction.label));
  }
  EXPECT_NEAR(classifier.classify(texts[0]).probability, predictions[0].probability, 1e-5);
  EXPECT_TRUE(classifier.classify(std::string(200, 'x')).truncated);
}

TEST_F(PublicClassifier, ALanguageModelIsNone) {
  expect_error([&] { Classifier::load(model()); }, "finetune-classify");
}

}  // namespace
}  // namespace gptkit::api
