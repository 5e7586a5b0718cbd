#include "gptkit/training.h"

#include "gptkit/language_model.h"
#include "tiny.h"

namespace gptkit::api {
namespace {

using PublicTraining = TinyModel;

TEST_F(PublicTraining, SaysWhatItTrainedAndWhereItIs) {
  EXPECT_EQ(result.steps, 2);
  EXPECT_EQ(result.tokens, 2 * 2 * 32);
  EXPECT_EQ(result.model, fs::path(model()));
  EXPECT_TRUE(fs::exists(result.model / "model.safetensors"));
  EXPECT_TRUE(fs::exists(result.run / "metrics.jsonl"));
}

TEST_F(PublicTraining, AFinishedRunIsNotTrainedAgain) {
  auto again = request();
  again.resume = true;
  EXPECT_EQ(pretrain(again).steps, 2);
}

TEST_F(PublicTraining, AWrongSettingIsAnErrorWithItsKey) {
  auto wrong = request();
  wrong.overwrite = true;
  wrong.settings.push_back({"train.lrr", "1"});
  try {
    pretrain(wrong);
    ADD_FAILURE() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::kInput);
    EXPECT_EQ(error.key(), "train.lrr");
    EXPECT_THAT(error.what(), testing::HasSubstr("did you mean 'train.lr'?"));
  }
}

TEST_F(PublicTraining, ARunIsNotReplacedByAccident) {
  expect_error([&] { pretrain(request()); }, "run");
  auto both = request();
  both.resume = both.overwrite = true;
  expect_error([&] { pretrain(both); }, "resume and overwrite");
  expect_error([] { pretrain({}); }, "run folder");
}

TEST_F(PublicTraining, AnAssistantAnswersInItsTemplate) {
  std::ofstream(folder / "tasks.json")
      << R"([{"instruction": "Say hi", "input": "", "output": "hi"},
    {"instruction": "Say ho", "input": "", "output": "ho"}, {"instruction": "Say ha", "input": "",
    "output": "ha"}, {"instruction": "Say hu", "input": "", "output": "hu"}])";
  TrainingRequest wanted;
  wanted.settings = {{"model", model()},
                     {"data.train", (folder / "tasks.json").string()},
                     {"data.validation", (folder / "tasks.json").string()},
                     {"data.test", (folder / "tasks.json").string()},
                     {"instruct.prompt_style", "plain"},
                     {"responses.count", "0"},
                     {"train.max_steps", "1"},
                     {"train.micro_batch_size", "2"},
                     {"device", "cpu"}};
  wanted.out = folder / "assistant";
  wanted.threads = 1;
  const auto trained = finetune_assistant(wanted);
  const auto assistant = LanguageModel::load(trained.model.string());
  EXPECT_NE(assistant.chat_template(), "");
  const auto answer =
      assistant.chat({{"user", "Say hi"}}, {.max_new_tokens = 4, .ignore_end = true});
  EXPECT_LE(answer.token_ids.size(), 4u);
  EXPECT_GT(answer.prompt_tokens, 0);
}

}  // namespace
}  // namespace gptkit::api
