#include "tasks/finetune_classify/preparation.h"

#include "support/support.h"
#include "tasks/tiny_classifier.h"

namespace gptkit {
namespace {

using test::expect_error;

class Preparation : public testing::Test {
 protected:
  Preparation() {
    save_language_model(folder_.path(), test::tiny_language_model(/*context=*/16));
    config_.model = {folder_.path().string()};
    config_.seed = 1;
  }
  /// The names of the tensors that learn.
  std::vector<std::string> trainable() {
    auto backbone = open_backbone(config_, {"ham", "spam"});
    add_head(backbone, config_, torch::kCPU);
    const auto& classifier = backbone.model.classifier;
    int64_t elements = 0;
    std::vector<std::string> names;
    for (const auto& parameter : classifier->named_parameters()) {
      if (!parameter.value().requires_grad()) continue;
      names.push_back(parameter.key());
      elements += parameter.value().numel();
    }
    EXPECT_EQ(trainable_parameters(classifier), elements);
    return names;
  }
  test::ScratchFolder folder_;
  FinetuneClassifyConfig config_;
};

TEST_F(Preparation, TheConfigChoosesTheTrainableWeights) {
  const auto count_in_block_0 = [](const std::vector<std::string>& names) {
    return std::count_if(names.begin(), names.end(), [](const std::string& name) {
      return name.find("blocks.0.") != std::string::npos;
    });
  };
  config_.classifier.trainable = Trainable::kHead;
  EXPECT_THAT(trainable(), testing::Each(testing::StartsWith("head.")));
  config_.classifier.trainable = Trainable::kLastBlock;
  const auto last = trainable();
  EXPECT_EQ(count_in_block_0(last), 0);
  EXPECT_THAT(last, testing::Contains(testing::HasSubstr("blocks.1.mlp.up.weight")));
  config_.classifier.trainable = Trainable::kLastN;
  config_.classifier.trainable_blocks = 2;
  EXPECT_GT(count_in_block_0(trainable()), 0);
}

TEST_F(Preparation, TheHeadDependsOnlyOnTheSeed) {
  const auto head = [&] {
    auto backbone = open_backbone(config_, {"ham", "spam"});
    add_head(backbone, config_, torch::kCPU);
    return backbone.model.classifier->head()->weight;
  };
  const auto first = head();
  EXPECT_TRUE(head().equal(first));
  config_.seed = 2;
  EXPECT_FALSE(head().equal(first));
}

TEST_F(Preparation, SettingsThatDoNotFitTheModelAreRefused) {
  config_.classifier.max_tokens = 17;
  expect_error(
      [&] {
        open_backbone(config_, {"ham", "spam"});
      },
      "`classifier.max_tokens`: 17 is longer than the model's context of 16");
  config_.classifier.max_tokens = 16;
  config_.classifier.trainable = Trainable::kLastN;
  config_.classifier.trainable_blocks = 3;
  expect_error([&] { trainable(); }, "`classifier.trainable_blocks`: 3 is out of range");
}

}  // namespace
}  // namespace gptkit
