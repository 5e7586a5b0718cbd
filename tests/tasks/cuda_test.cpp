// What a GPU works out is what the CPU does. Its sums have another order:
// float32 results agree to some 1e-5, and losses, after steps that magnify
// this, to 1e-3.

#include <ATen/Context.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "base/files.h"
#include "base/json.h"
#include "infer/generator.h"
#include "models/tiny_families.h"
#include "support/support.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/explain.h"
#include "tasks/finetune_classify/finetune_classify.h"
#include "tasks/finetune_instruct/finetune_instruct.h"
#include "tasks/pretrain/pretrain.h"
#include "tasks/tiny_classifier.h"
#include "tasks/tiny_data.h"
#include "tasks/training/language_model_objective.h"

namespace gptkit {
namespace {

using test::family_name;
using test::ScratchFolder;
using test::tiny_config;

const char* const kGpu = "cuda";

using Settings = std::vector<std::string>;

double distance(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.cpu() - b.cpu()).abs().max().item<double>();
}

/// A run's losses, in order: of the steps and of the evaluations.
std::vector<double> losses_of(const fs::path& run) {
  std::vector<double> values;
  std::ifstream lines(run / "metrics.jsonl");
  for (std::string line; std::getline(lines, line);) {
    const auto row = parse_json(line, "metrics");
    for (const char* key : {"loss", "train_loss", "val_loss"}) {
      if (row.contains(key)) values.push_back(row.at(key).get<double>());
    }
  }
  return values;
}

void expect_near(const std::vector<double>& found, const std::vector<double>& wanted,
                 double tolerance) {
  ASSERT_EQ(found.size(), wanted.size());
  ASSERT_GE(found.size(), 5U);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], wanted[i], tolerance) << i;
}

class Cuda : public testing::Test {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  }

  static ModelConfig shape(const std::string& family) {
    auto config = tiny_config(family);
    config.vocab_size = 257;
    config.context_length = 64;
    config.d_model = 32;
    return config;
  }
  /// A small language model's folder, with byte tokens.
  std::string base(const std::string& family = "gpt2") {
    const auto path = folder_ / concat("base-", family_name(family));
    if (fs::exists(path)) return path;
    fs::create_directory(path);
    torch::manual_seed(7);
    GPT gpt(shape(family));
    initialize_(gpt);
    LanguageModel model;
    model.gpt = gpt;
    model.tokenizer = test::bytes();
    save_language_model(path, model);
    return path;
  }
  TaskRequest request(const std::string& out, const std::string& device, const Settings& settings,
                      RunMode mode = RunMode::kNew) {
    TaskRequest request;
    request.out = folder_ / out;
    request.mode = mode;
    request.threads = 1;
    const auto set = [&](const std::string& key, const std::string& value) {
      request.inputs.overrides.push_back({key, value, "--set"});
    };
    set("device", device);
    for (const auto& text : settings) {
      set(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    return request;
  }
  Settings with(Settings settings, const Settings& more) {
    settings.insert(settings.end(), more.begin(), more.end());
    return settings;
  }

  /// Settings of twelve steps of two micro batches.
  Settings pretraining(const std::string& family = "gpt2") {
    std::string text;
    for (const auto& row : test::rows(120)) text += row.text;
    write_file_atomic(folder_ / "text.txt", text);
    return {"model=" + base(family),
            concat("data.train=", (folder_ / "text.txt").string()),
            "data.validation=0.2",
            "model.context_length=32",
            "train.max_steps=12",
            "train.epochs=9",
            "train.micro_batch_size=2",
            "train.global_batch_size=4",
            "train.lr=0.01",
            "train.max_grad_norm=0.5",
            "train.eval_every=4",
            "sample.prompt=see you",
            "sample.max_new_tokens=40"};
  }
  std::vector<double> pretrain(const std::string& out, const std::string& device,
                               const Settings& settings, RunMode mode = RunMode::kNew) {
    run_pretrain(request(out, device, settings, mode), alone_);
    return losses_of(folder_ / out);
  }

  ScratchFolder folder_;
  World alone_;
};

class CudaFamily : public Cuda, public testing::WithParamInterface<std::string> {
 protected:
  GPT tiny() {
    torch::manual_seed(1);
    GPT gpt(tiny_config(GetParam()));
    initialize_(gpt);
    return gpt;
  }
};
INSTANTIATE_TEST_SUITE_P(Families, CudaFamily, testing::Values("gpt2", "llama"),
                         [](const auto& instance) { return family_name(instance.param); });

TEST_P(CudaFamily, LogitsAreTheCpus) {
  const torch::NoGradGuard no_grad;
  auto cpu = tiny(), gpu = tiny();
  gpu->to(torch::Device(kGpu));
  const auto ids = torch::randint(50, {3, 11}, torch::kInt64);
  EXPECT_LT(distance(gpu(ids.to(gpu->device())), cpu(ids)), 1e-5);
}

TEST_P(CudaFamily, GradientsAreTheCpusAndRecomputingChangesThemNot) {
  torch::manual_seed(2);
  const auto draw = torch::randint(50, {2, 33}, torch::kInt64);
  const auto ids = [&](int64_t row) {
    const auto* begin = draw[row].const_data_ptr<int64_t>();
    return std::vector<int64_t>(begin, begin + 33);
  };
  const Batch batch{.rows = 3, .columns = 11, .inputs = ids(0), .targets = ids(1)};
  const auto gradients = [&](const std::string& device, bool checkpointing) {
    auto gpt = tiny();
    gpt->to(torch::Device(device));
    gpt->set_activation_checkpointing(checkpointing);
    gpt->train();
    language_model_loss(gpt, batch).backward();
    std::vector<torch::Tensor> found;
    for (const auto& parameter : gpt->parameters()) found.push_back(parameter.grad());
    return found;
  };
  const auto cpu = gradients("cpu", false), gpu = gradients(kGpu, false);
  const auto again = gradients(kGpu, true);
  for (size_t i = 0; i < cpu.size(); ++i) {
    EXPECT_LT(distance(gpu[i], cpu[i]), 1e-5) << i;
    EXPECT_LT(distance(again[i], gpu[i]), 1e-6) << i;
  }
}

TEST_P(CudaFamily, PretrainingHasTheCpusLosses) {
  for (const char* more :
       {"train.ema_decay=0", "train.ema_decay=0.9", "train.activation_checkpointing=true"}) {
    const auto settings = with(pretraining(GetParam()), {more});
    const auto cpu = pretrain(concat("cpu-", more), "cpu", settings);
    const auto gpu = pretrain(concat("gpu-", more), kGpu, settings);
    expect_near(gpu, cpu, 1e-3);
    EXPECT_LT(gpu.back(), gpu.front() - 1) << "it learns";
  }
}

TEST_P(CudaFamily, PretrainingInHalfPrecisionLearns) {
  const auto settings = pretraining(GetParam());
  const auto single = pretrain("float32", kGpu, settings);
  for (const char* precision : {"bfloat16", "float16"}) {
    const auto half =
        pretrain(precision, kGpu, with(settings, {concat("train.precision=", precision)}));
    // Numbers of 8 and 11 bits: the losses go the same way, no more.
    expect_near(half, single, 0.1);
    EXPECT_LT(half.back(), half.front() - 1) << precision;
  }
}

TEST_P(CudaFamily, AResumedRunIsTheWholeOneAlsoWithDropout) {
  const auto settings =
      with(pretraining(GetParam()),
           {"model.dropout=0.1", "train.checkpoint_every=5", "train.ema_decay=0.9"});
  const auto whole = pretrain("whole", kGpu, settings);
  fs::copy(folder_ / "whole", folder_ / "again", fs::copy_options::recursive);
  remove_tree(folder_ / "again/checkpoints/step-00000010");
  expect_near(pretrain("again", kGpu, settings, RunMode::kResume), whole, 1e-5);
  auto a = load_language_model((folder_ / "whole/model").string()).gpt;
  auto b = load_language_model((folder_ / "again/model").string()).gpt;
  for (const auto& item : a->named_parameters()) {
    EXPECT_LT(distance(item.value(), b->named_parameters()[item.key()]), 1e-4) << item.key();
  }
}

TEST_P(CudaFamily, GreedyTextIsTheCpusWithAndWithoutTheCache) {
  auto config = shape(GetParam());
  config.init = Init::kTorch;
  config.tie_embeddings = false;  // or a fresh model repeats the last token
  const auto model = [&] {
    torch::manual_seed(3);
    GPT gpt(config);
    initialize_(gpt);
    gpt->eval();
    LanguageModel made;
    made.gpt = gpt;
    made.tokenizer = test::bytes();
    return made;
  };
  auto cpu = model(), gpu = model();
  gpu.gpt->to(torch::Device(kGpu));
  const std::vector<TokenId> prompt = {'s', 'e', 'e', ' '};
  GenerationConfig settings;
  settings.max_new_tokens = 30;
  const auto wanted = generate(cpu, prompt, settings).token_ids;
  const auto cached = generate(gpu, prompt, settings).token_ids;
  EXPECT_EQ(cached, wanted);
  EXPECT_GT(std::set(wanted.begin(), wanted.end()).size(), 5U);
  settings.temperature = 0.8;
  settings.top_k = 20;
  settings.top_p = 0.9;
  EXPECT_EQ(generate(gpu, prompt, settings).token_ids, generate(cpu, prompt, settings).token_ids);

  const torch::NoGradGuard no_grad;
  std::vector<int64_t> ids(prompt.begin(), prompt.end());
  for (size_t i = 0; i < cached.size(); ++i) {
    const auto n = static_cast<int64_t>(ids.size());
    const auto input = torch::tensor(ids, torch::kInt64).to(gpu.gpt->device());
    const auto logits = gpu.gpt(input.expand({3, n})).select(1, n - 1);  // (3,V), a batch
    const auto alone = gpu.gpt(input.unsqueeze(0)).select(1, n - 1);     // (1,V)
    EXPECT_LT(distance(logits, alone.expand_as(logits)), 1e-4);
    EXPECT_EQ(logits[0].argmax().item<int64_t>(), cached[i]) << i;
    ids.push_back(cached[i]);
  }
}

TEST_P(CudaFamily, AFinetunedClassifierIsTheCpus) {
  test::write_rows(folder_ / "rows.tsv");
  const Settings common = {"model=" + base(GetParam()),
                           concat("data.train=", (folder_ / "rows.tsv").string()),
                           "data.balance=weights",
                           "train.precision=float32",
                           "train.epochs=3",
                           "train.micro_batch_size=4",
                           "train.eval_every=5",
                           "train.lr=0.003",
                           "train.ema_decay=0.9",
                           "train.keep_best=true",
                           "report.baselines=false"};
  const std::vector<Settings> variants = {
      {"lora.rank=2", "lora.last_blocks=1"},
      {"lora.rank=2", "classifier.frozen_backbone=off", "classifier.pooling=mean"},
      {"classifier.trainable=last_block", "classifier.frozen_backbone_dtype=bfloat16"},
      {"classifier.trainable=all", "train.activation_checkpointing=true",
       "classifier.pooling=last_position"}};
  for (size_t i = 0; i < variants.size(); ++i) {
    SCOPED_TRACE(i);
    const auto train = [&](const std::string& name, const std::string& device) {
      const auto out = concat(name, "-", i);
      run_finetune_classify(request(out, device, with(common, variants[i])), alone_);
      return losses_of(folder_ / out);
    };
    const auto wanted = train("cpu", "cpu"), found = train("gpu", kGpu);
    // An adapter's first gradients are next to nothing, which AdamW makes whole steps of.
    expect_near(found, wanted, 1e-2);

    auto cpu = load_text_classifier((folder_ / concat("gpu-", i) / "model").string());
    auto gpu = load_text_classifier((folder_ / concat("gpu-", i) / "model").string());
    gpu.classifier->to(torch::Device(kGpu));
    const std::vector<std::string> texts = {"see you", "at the mill !!", "", "old tonight see !!"};
    const auto a = classify(cpu, texts), b = classify(gpu, texts);
    for (size_t t = 0; t < texts.size(); ++t) {
      EXPECT_EQ(a[t].label, b[t].label) << texts[t];
      EXPECT_NEAR(a[t].probability, b[t].probability, 1e-5) << texts[t];
    }
    for (const auto method : {ExplainMethod::kGradient, ExplainMethod::kLeaveOneOut}) {
      const auto x = explain(cpu, texts[1], 1, {.method = method});
      const auto y = explain(gpu, texts[1], 1, {.method = method});
      expect_near(y.contributions, x.contributions, 1e-4);
    }
  }
}

TEST_P(CudaFamily, InstructionsAreLearnedAsOnTheCpu) {
  OrderedJson table = OrderedJson::array();
  for (const auto& row : test::rows(40)) {
    table.push_back(
        {{"instruction", row.text}, {"input", ""}, {"output", row.label == 1 ? "loud" : "calm"}});
  }
  write_file_atomic(folder_ / "rows.json", dump_json(table));
  const auto train = [&](const std::string& out, const std::string& device, const char* more) {
    run_finetune_instruct(
        request(
            out, device,
            {"model=" + base(GetParam()), concat("data.train=", (folder_ / "rows.json").string()),
             "instruct.prompt_style=plain", "instruct.mask_prompt=true", "instruct.max_tokens=48",
             "train.max_steps=8", "train.micro_batch_size=4", "train.lr=0.003",
             "train.eval_every=4", "sample.prompt=see you", "sample.max_new_tokens=5",
             "responses.count=2", "responses.max_new_tokens=8", more}),
        alone_);
    return losses_of(folder_ / out);
  };
  const auto cpu = train("cpu", "cpu", "train.precision=float32");
  const auto gpu = train("gpu", kGpu, "train.precision=float32");
  expect_near(gpu, cpu, 1e-3);
  EXPECT_LT(gpu.back(), gpu.front());
  EXPECT_EQ(read_file(folder_ / "gpu/responses.json"), read_file(folder_ / "cpu/responses.json"));
  const auto half = train("half", kGpu, "train.precision=float16");
  EXPECT_LT(half.back(), half.front());
}

}  // namespace
}  // namespace gptkit
