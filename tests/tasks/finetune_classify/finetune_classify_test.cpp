#include "tasks/finetune_classify/finetune_classify.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <fstream>

#include "base/files.h"
#include "base/json.h"
#include "data/tables/classification.h"
#include "models/init.h"
#include "support/support.h"
#include "tasks/finetune_classify/classify_objective.h"
#include "tasks/finetune_classify/frozen_backbone.h"
#include "tasks/tiny_data.h"
#include "text/character.h"
#include "train/evaluation.h"
#include "train/trainer.h"
#include "weights/bundle.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::rows;
using test::ScratchFolder;

std::shared_ptr<const Tokenizer> letters() {
  TokenCounts counts;
  count_each_character("abcdefghijklmnopqrstuvwxyz !", "test", counts);
  return train_character_tokenizer(counts, {.special_tokens = true});
}

Classifier tiny_classifier(Pooling pooling, int64_t frozen) {
  torch::manual_seed(1);
  GPT gpt(ModelConfig{
      .vocab_size = 40, .context_length = 48, .n_layer = 3, .n_head = 2, .d_model = 32});
  initialize_(gpt);
  Classifier classifier(gpt, 2, pooling, /*head_bias=*/false);
  auto head = classifier->head();
  initialize_linear_(head);
  for (auto& parameter : gpt->parameters()) parameter.requires_grad_(false);
  for (int64_t i = frozen; i < 3; ++i) {
    for (auto& parameter : gpt->block(i)->parameters()) parameter.requires_grad_(true);
  }
  return classifier;
}

std::shared_ptr<const ClassificationDataset> dataset(int64_t n, Pooling pooling) {
  return std::make_shared<ClassificationDataset>(
      rows(n), *letters(),
      ClassificationDatasetOptions{
          .context_length = 48, .pad_id = 0, .pad_to_batch = pooling != Pooling::kLastPosition});
}

class Trunk : public testing::TestWithParam<Pooling> {};
INSTANTIATE_TEST_SUITE_P(Poolings, Trunk,
                         testing::Values(Pooling::kLastToken, Pooling::kLastPosition,
                                         Pooling::kMean, Pooling::kFirstToken),
                         [](const auto& instance) {
                           std::string name;
                           for (const auto& [text, value] : enum_names(Pooling{})) {
                             if (value == instance.param) name = text;
                           }
                           name.erase(std::remove(name.begin(), name.end(), '_'), name.end());
                           return name;
                         });

Training training_of(Objective& objective, const std::shared_ptr<const Dataset>& train,
                     const std::shared_ptr<const Dataset>& validation, const TrainConfig& config) {
  TrainingData data{train, validation, "rows"};
  data.match_validation = true;
  return {objective, std::move(data), config};
}

/// The losses of ten steps and the evaluation after them.
std::vector<double> losses(Pooling pooling, int64_t frozen, bool kept, BackboneStore store,
                           const fs::path& folder, double language_model_loss = 0) {
  auto classifier = tiny_classifier(pooling, frozen);
  const auto train_set = dataset(24, pooling), validation_set = dataset(10, pooling);
  const TrainConfig config{.epochs = 4, .micro_batch_size = 4, .lr = 1e-3, .eval_batches = 0};
  ClassifyOptions options{.language_model_loss = language_model_loss,
                          .mean_tokens = train_set->mean_length()};
  std::optional<FrozenBackbone> train_backbone, validation_backbone;
  if (kept) {
    const FrozenBackbone::Options where{.store = store, .folder = folder};
    train_backbone.emplace(classifier, *train_set, frozen, where);
    validation_backbone.emplace(classifier, *validation_set, frozen, where);
    options.train_backbone = &*train_backbone;
    options.validation_backbone = &*validation_backbone;
  }
  ClassifyObjective objective(classifier, options);
  const RunFolder run(folder / (kept ? "kept" : "plain"), RunMode::kOverwrite);
  World alone;
  torch::manual_seed(5);
  train(training_of(objective, train_set, validation_set, config), {.world = alone, .folder = run});
  std::vector<double> values;
  std::ifstream lines(run.path() / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto row = parse_json(line, "metrics");
    for (const char* key : {"loss", "val_loss", "train_loss", "val_accuracy"}) {
      if (row.contains(key)) values.push_back(row.at(key).get<double>());
    }
  }
  return values;
}

TEST(ClassifyObjective, EvaluationsAreMeansOverTextsWhateverTheMicroBatch) {
  torch::NoGradGuard no_grad;
  auto classifier = tiny_classifier(Pooling::kLastToken, 0);
  classifier->eval();
  const auto data = dataset(11, Pooling::kLastToken);
  const auto measured = [&](int64_t micro, int64_t batches, std::vector<double> weights) {
    const TrainConfig config{
        .micro_batch_size = micro, .global_batch_size = 4, .eval_batches = batches};
    ClassifyObjective objective(classifier, {.class_weights = std::move(weights)});
    const auto training = training_of(objective, data, data, config);
    World alone;
    torch::manual_seed(5);
    auto metrics = evaluate_loss(training, alone);
    for (const auto& measure : objective.epoch_measures()) {
      for (const auto& item : evaluate(training, alone, measure)) metrics.push_back(item);
    }
    return metrics;
  };
  for (const int64_t batches : {0, 1, 2}) {
    for (const auto& weights : {std::vector<double>(), std::vector<double>{0.5, 2}}) {
      const auto want = measured(4, batches, weights);
      for (const int64_t micro : {1, 2}) {
        const auto got = measured(micro, batches, weights);
        ASSERT_EQ(got.size(), 4U);
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_NEAR(got[i].second, want[i].second, 1e-6) << got[i].first << " " << batches;
        }
      }
    }
  }
}

TEST_P(Trunk, KeptActivationsGiveTheLossesOfThePlainWay) {
  const ScratchFolder folder;
  for (const int64_t frozen : {1, 3}) {
    const auto plain = losses(GetParam(), frozen, false, BackboneStore::kOff, folder.path());
    const auto kept = losses(GetParam(), frozen, true, BackboneStore::kMemory, folder.path());
    const auto filed = losses(GetParam(), frozen, true, BackboneStore::kFile, folder.path());
    ASSERT_EQ(kept.size(), plain.size());
    ASSERT_GT(plain.size(), 20U);
    EXPECT_EQ(filed, kept);
    // Other batches below the frozen line: other roundings, which AdamW's first steps magnify.
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(kept[i], plain[i], 2e-4) << i;
  }
}

TEST_P(Trunk, KeptActivationsServeTheLanguageModelToo) {
  const ScratchFolder folder;
  const auto plain = losses(GetParam(), 1, false, BackboneStore::kOff, folder.path(), 0.5);
  const auto kept = losses(GetParam(), 1, true, BackboneStore::kMemory, folder.path(), 0.5);
  const auto without = losses(GetParam(), 1, true, BackboneStore::kMemory, folder.path());
  ASSERT_EQ(kept.size(), plain.size());
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(kept[i], plain[i], 5e-4) << i;
  EXPECT_NEAR(plain.front() - without.front(), 0.5 * std::log(40), 0.5)
      << "of 40 tokens, untrained";
}

/// The first rows of the data, as a batch, and what a task makes of their loss.
class LossBesideTheClasses : public testing::TestWithParam<Pooling> {
 protected:
  double loss(const std::vector<int64_t>& rows, double language_model_loss) {
    ClassifyObjective objective(classifier_, {.language_model_loss = language_model_loss,
                                              .mean_tokens = data_->mean_length()});
    return objective.loss(data_->collate(rows)).item<double>();
  }

  const std::shared_ptr<const ClassificationDataset> data_ = dataset(6, GetParam());
  Classifier classifier_ = tiny_classifier(GetParam(), 0);
};
INSTANTIATE_TEST_SUITE_P(Poolings, LossBesideTheClasses,
                         testing::Values(Pooling::kLastToken, Pooling::kMean),
                         [](const auto& instance) {
                           return instance.param == Pooling::kMean ? "mean" : "lasttoken";
                         });

TEST_P(LossBesideTheClasses, IsTheSumOverNextTokensByTheMeanLength) {
  const torch::NoGradGuard no_grad;
  double sum = 0;
  for (int64_t row = 0; row < data_->size(); ++row) {  // each alone: without padding
    const auto batch = data_->collate(std::vector{row});
    const auto ids = torch::tensor(batch.inputs, torch::kInt64).unsqueeze(0);
    const auto predicted = classifier_->gpt()->forward(ids).log_softmax(-1);
    for (int64_t t = 0; t + 1 < ids.size(1); ++t) {
      sum -= predicted[0][t][ids[0][t + 1].item<int64_t>()].item<double>();
    }
  }
  const std::vector<int64_t> all = {0, 1, 2, 3, 4, 5};
  const double wanted = sum / (6 * data_->mean_length());
  EXPECT_NEAR(loss(all, 0.25) - loss(all, 0), 0.25 * wanted, 1e-5);
}

TEST_P(LossBesideTheClasses, OfAStepDoesNotDependOnTheMicroBatches) {
  const double whole = loss({0, 1, 2, 3, 4, 5}, 0.5);
  EXPECT_NEAR((loss({4, 1, 0}, 0.5) + loss({5, 2, 3}, 0.5)) / 2, whole, 1e-5);
}

TEST(FrozenBlocks, EndAtTheFirstOneThatLearnsOrDropsOut) {
  EXPECT_EQ(frozen_blocks(tiny_classifier(Pooling::kLastToken, 2)), 2);
  EXPECT_EQ(frozen_blocks(tiny_classifier(Pooling::kLastToken, 3)), 3);
  auto classifier = tiny_classifier(Pooling::kLastToken, 2);
  auto embedding = classifier->gpt()->token_embedding();
  embedding->weight.requires_grad_(true);
  EXPECT_EQ(frozen_blocks(classifier), 0);
}

/// A base model's folder and a table of labelled messages.
class FinetuneClassify : public testing::Test {
 protected:
  FinetuneClassify() {
    torch::manual_seed(7);
    const auto tokenizer = letters();
    GPT gpt(ModelConfig{.vocab_size = static_cast<int64_t>(tokenizer->vocab_size()),
                        .context_length = 48,
                        .n_layer = 2,
                        .n_head = 2,
                        .d_model = 32});
    initialize_(gpt);
    fs::create_directory(folder_ / "base");
    LanguageModel base;
    base.gpt = gpt;
    base.tokenizer = tokenizer;
    save_language_model(folder_ / "base", base);
    test::write_rows(folder_ / "rows.tsv");
  }
  FinetuneClassifySummary finetune(const std::string& out,
                                   const std::vector<std::string>& settings) {
    TaskRequest request;
    request.out = folder_ / out;
    request.threads = 1;
    const auto set = [&](const std::string& key, const std::string& value) {
      request.inputs.overrides.push_back({key, value, "--set"});
    };
    set("model", (folder_ / "base").string());
    set("data.train", (folder_ / "rows.tsv").string());
    set("device", "cpu");
    set("train.epochs", "2");
    for (const auto& text : settings) {
      set(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    World alone;
    return run_finetune_classify(request, alone);
  }
  ScratchFolder folder_;
};

TEST_F(FinetuneClassify, AdaptersAreSavedBesideTheMergedModel) {
  finetune("run", {"lora.rank=2", "train.lr=0.01", "classifier.head_bias=true"});
  const auto merged = load_text_classifier((folder_ / "run/model").string());
  const auto adapter = load_text_classifier((folder_ / "run/adapter").string());
  const auto ids = torch::randint(20, {3, 9}, torch::kInt64);
  const std::vector<int64_t> lengths = {9, 4, 1};
  torch::NoGradGuard no_grad;
  auto a = merged.classifier, b = adapter.classifier;
  const auto wanted = b(ids, lengths), found = a(ids, lengths);
  EXPECT_TRUE(torch::allclose(found, wanted, 1e-4, 1e-4)) << found << wanted;
  EXPECT_EQ(adapter.labels, (std::vector<std::string>{"calm", "loud"}));
}

TEST_F(FinetuneClassify, EveryVariantTrainsAndItsModelOpens) {
  const std::vector<std::vector<std::string>> variants = {
      {"classifier.pooling=first_token", "classifier.trainable=head"},
      {"classifier.pooling=mean", "classifier.trainable=last_n"},
      {"classifier.pooling=last_position", "classifier.causal=false"},
      {"classifier.random_weights=true", "classifier.max_tokens=6", "classifier.truncate=left"},
      {"data.balance=weights", "train.micro_batch_size=1", "train.global_batch_size=4"},
      {"classifier.language_model_loss=0.5", "classifier.pooling=mean", "train.precision=auto"},
      {"classifier.language_model_loss=0.5", "lora.rank=2"}};
  for (size_t i = 0; i < variants.size(); ++i) {
    const auto out = concat("variant-", i);
    const auto summary = finetune(out, variants[i]);
    EXPECT_GT(summary.trainable_parameters, 0);
    const auto model = load_text_classifier((folder_ / out / "model").string());
    EXPECT_EQ(model.causal, i != 2);
    EXPECT_EQ(model.truncate, i == 3 ? Truncate::kLeft : Truncate::kRight);
  }
}

TEST_F(FinetuneClassify, TheReportIsTheSameFromTheTrunkAndFromTheTexts) {
  const std::vector<std::string> common = {"classifier.trainable=last_block", "train.lr=0.001",
                                           "report.baselines=false", "classifier.max_tokens=10"};
  auto off = common;
  off.push_back("classifier.frozen_backbone=off");
  const auto kept = finetune("kept", common).report, plain = finetune("plain", off).report;
  for (const char* split : {"train", "validation", "test"}) {
    EXPECT_EQ(kept.at(split).at("rows"), plain.at(split).at("rows"));
    EXPECT_EQ(kept.at(split).at("truncated_texts"), plain.at(split).at("truncated_texts"));
    EXPECT_GT(kept.at("train").at("truncated_texts"), 0);
    EXPECT_NEAR(kept.at(split).at("log_loss").get<double>(),
                plain.at(split).at("log_loss").get<double>(), 1e-4)
        << split;
  }
}

TEST_F(FinetuneClassify, TheSplitStaysWhereItHasASeedOfItsOwn) {
  const auto training_texts = [&](const std::string& out, std::vector<std::string> settings) {
    settings.insert(settings.end(), {"train.max_steps=1", "train.checkpoint_every=1"});
    finetune(out, settings);
    const auto file = folder_ / out / "checkpoints/step-00000001/state.json";
    return parse_json(read_file(file), "state").at("fingerprint").get<std::string>();
  };
  const auto one = training_texts("a", {"seed=1", "data.seed=7"});
  EXPECT_EQ(training_texts("b", {"seed=2", "data.seed=7"}), one);
  EXPECT_EQ(training_texts("c", {"seed=7"}), one);
  EXPECT_NE(training_texts("d", {"seed=1"}), one);
}

TEST_F(FinetuneClassify, FoldsTestEveryRowOnce) {
  const auto summary = finetune("folds", {"data.folds=3", "train.epochs=1"});
  int64_t tested = 0;
  for (const auto& fold : summary.report.at("folds")) tested += fold.at("rows").get<int64_t>();
  EXPECT_EQ(tested, 60);
  EXPECT_TRUE(summary.report.at("f1").contains("loud"));
}

TEST_F(FinetuneClassify, RefusesWhatCannotBe) {
  expect_error([&] { finetune("a", {"classifier.causal=false"}); }, "requires classifier.pooling");
  expect_error([&] { finetune("b", {"data.folds=31"}); }, "at least 31 rows of every label");
  expect_error([&] { finetune("e", {"classifier.language_model_loss=-1"}); }, "out of range");
  expect_error(
      [&] {
        finetune("f", {"classifier.causal=false", "classifier.pooling=last_position",
                       "classifier.language_model_loss=0.5"});
      },
      "sees the next token");
  expect_error(
      [&] {
        finetune("c", {"lora.rank=2", "lora.targets=[nose]"});
      },
      "'nose' is no layer");
  expect_error(
      [&] {
        finetune("d", {"classifier.truncate=refuse", "classifier.max_tokens=4"});
      },
      "tokens, more than 4");
}

TEST(StratifiedFolds, KeepTheClassesShares) {
  auto all = rows(40);
  for (size_t i = 0; i < 10; ++i) all.push_back({"x", 0, 40});
  const auto folds = stratified_folds(all, {"a", "b"}, 5, 1);
  ASSERT_EQ(folds.size(), 5U);
  for (const auto& fold : folds) EXPECT_EQ(class_counts(fold, 2), (std::vector<int64_t>{6, 4}));
  const auto weights = class_weights(all, 2);
  EXPECT_DOUBLE_EQ(weights[0] * 30 + weights[1] * 20, 50);
  EXPECT_DOUBLE_EQ(weights[0] * 30, weights[1] * 20);
}

}  // namespace
}  // namespace gptkit
