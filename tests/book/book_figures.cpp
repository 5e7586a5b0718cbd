// The figures that the book's own Python prints, beside what gptkit measures: a table
// `published | measured | verdict`, exit code 1 on a miss. Figures and settings: "Build a Large
// Language Model (From Scratch)", the code of its chapters 2, 4, 5 and 6
// (github.com/rasbt/LLMs-from-scratch).
//   book_figures        what takes about two minutes: chapter 5 for two epochs
//   book_figures long   chapter 5 in full: all 18 points and the text after the last epoch

#include <ATen/ops/cross_entropy_loss.h>
#include <torch/nn/init.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/remove_tree.h"
#include "data/corpus/corpus.h"
#include "data/tables/classification.h"
#include "data/windows.h"
#include "infer/generator.h"
#include "infer/sampler.h"
#include "models/heads/classifier.h"
#include "models/init.h"
#include "tasks/pretrain/pretrain.h"
#include "tasks/training/language_model_objective.h"
#include "tensors/device.h"
#include "text/hugging_face_tokenizer.h"
#include "text/word.h"
#include "train/evaluation.h"
#include "train/observers/metrics_log.h"
#include "train/trainer.h"

namespace {

using namespace gptkit;

/// Prints the rows as they come and counts the misses.
class Table {
 public:
  Table() { line("figure", "published", "measured", "verdict"); }

  void text(const std::string& figure, const std::string& published, const std::string& measured) {
    row(figure, published, measured, published == measured);
  }
  void count(const std::string& figure, int64_t published, int64_t measured) {
    text(figure, std::to_string(published), std::to_string(measured));
  }
  /// `decimals` as published; `within` is the tolerance, by default half a unit of the last place.
  void number(const std::string& figure, double published, double measured, int decimals,
              double within = -1) {
    const double tolerance = within >= 0 ? within : 0.5001 * std::pow(10.0, -decimals);
    row(figure, decimal(published, decimals), decimal(measured, decimals),
        std::abs(published - measured) <= tolerance);
  }
  void ids(const std::string& figure, const std::vector<int64_t>& published,
           const std::vector<TokenId>& measured) {
    std::string wanted, found;
    for (const auto id : published) wanted += concat(id, ' ');
    for (const auto id : measured) found += concat(id, ' ');
    row(figure, wanted, found, wanted == found);
  }
  void skipped(const std::string& figure, const std::string& why) {
    line(figure, "", why, "skipped");
  }

  int misses() const { return misses_; }

 private:
  static std::string decimal(double value, int decimals) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
  }
  void row(const std::string& figure, const std::string& published, const std::string& measured,
           bool same) {
    misses_ += !same;
    line(figure, published, measured, same ? "same" : "MISS");
  }
  static void line(const std::string& figure, const std::string& published,
                   const std::string& measured, const char* verdict) {
    std::printf("%-44s | %-28s | %-28s | %s\n", figure.c_str(), published.c_str(), measured.c_str(),
                verdict);
    std::fflush(stdout);
  }
  int misses_ = 0;
};

/// $GPTKIT_TEST_DATA, `shared/data` beside the checkout, or what setup.sh --data fetched.
fs::path data_folder() {
  if (const char* set = std::getenv("GPTKIT_TEST_DATA")) return set;
  const auto beside = fs::path(GPTKIT_SOURCE_DIR).parent_path() / "shared" / "data";
  return fs::exists(beside) ? beside : gptkit_home() / "data";
}

/// GPT-2's vocabulary or merges: beside the data, or what setup.sh --tokenizer gpt2 fetched.
fs::path tokenizer_file(const fs::path& data, const std::string& name) {
  const auto beside = data / ("gpt2-" + name);
  return fs::exists(beside) ? beside : gptkit_home() / "gpt2" / name;
}

std::vector<int64_t> wide(const std::vector<TokenId>& ids) { return {ids.begin(), ids.end()}; }

void chapter2(Table& table, const Tokenizer& gpt2, const std::string& verdict) {
  TokenCounts counts;
  count_words(verdict, "the-verdict.txt", counts);
  int64_t words = 0;
  for (const auto& [word, count] : counts) words += static_cast<int64_t>(count);
  table.count("ch 2: characters of the story", 20479, static_cast<int64_t>(verdict.size()));
  table.count("ch 2: word tokens", 4690, words);
  table.count("ch 2: word vocabulary", 1130, static_cast<int64_t>(counts.size()));
  const auto v2 = train_word_tokenizer(counts, {.special_tokens = true});
  table.count("ch 2: with <|endoftext|> and <|unk|>", 1132, v2->vocab_size());
  table.ids(
      "ch 2: V2 ids",
      {1131, 5, 355, 1126, 628, 975, 10, 1130, 55, 988, 956, 984, 722, 988, 1131, 7},
      v2->encode("Hello, do you like tea? <|endoftext|> In the sunlit terraces of the palace.",
                 SpecialTokens::kAllow));
  const auto ids = gpt2.encode(verdict);
  table.count("ch 2: GPT-2 tokens of the story", 5145, static_cast<int64_t>(ids.size()));
  table.ids("ch 2: GPT-2 ids", {15496, 11,   466,   345,  588,  8887, 30,  220,   50256, 554,
                                262,   4252, 18250, 8812, 2114, 1659, 617, 34680, 27271, 13},
            gpt2.encode("Hello, do you like tea? <|endoftext|> In the sunlit terraces"
                        "of someunknownPlace.",
                        SpecialTokens::kAllow));
  table.ids("ch 2: GPT-2 edge case",
            {292, 7568, 355, 7568, 292, 7568, 257, 3228, 11, 2488, 15498, 860, 292, 7568, 3829, 292,
             7568, 74},
            gpt2.encode("asdf asdfasdf a!!, @aba 9asdf90asdfk"));
  const WindowDataset windows(TokenStream(ids), {.length = 4, .stride = 1}, "story");
  const auto first = windows.collate(std::vector<int64_t>{0});
  table.ids("ch 2: first window", {40, 367, 2885, 1464},
            {first.inputs.begin(), first.inputs.end()});
  table.ids("ch 2: its targets", {367, 2885, 1464, 1807},
            {first.targets.begin(), first.targets.end()});
  torch::manual_seed(123);
  const auto embedding = torch::empty({6, 3}).normal_();
  const double rows[2][3] = {{0.3374, -0.1778, -0.1690}, {-0.4015, 0.9666, -1.1481}};
  for (const int row : {0, 3}) {
    for (int column = 0; column < 3; ++column) {
      table.number(concat("ch 2: Embedding(6, 3) row ", row, " column ", column),
                   rows[row / 3][column], embedding[row][column].item<double>(), 4);
    }
  }
  table.skipped("ch 2: BPE from scratch, 742 merges",
                "the book's exercise merges across words; ours inside pre-tokens, as GPT-2");
}

ModelConfig book_model(int64_t context_length) {
  auto config = model_preset("gpt2");
  config.context_length = context_length;
  config.dropout = 0.1;
  config.qkv_bias = false;
  config.tie_embeddings = false;
  config.init = Init::kTorch;
  return config;
}

GPT seeded_model(const ModelConfig& config) {
  torch::manual_seed(123);
  GPT model(config);
  initialize_(model);
  return model;
}

LanguageModel with_tokenizer(const GPT& gpt, const std::shared_ptr<const Tokenizer>& tokenizer) {
  LanguageModel model;
  model.gpt = gpt;
  model.tokenizer = tokenizer;
  return model;
}

void chapter4(Table& table, const std::shared_ptr<const Tokenizer>& gpt2) {
  struct Size {
    const char* name;
    int64_t untied, tied;
    double megabytes;
  };
  const Size sizes[] = {{"gpt2", 163'009'536, 124'412'160, 621.83},
                        {"gpt2-medium", 406'212'608, 354'749'440, 1549.58},
                        {"gpt2-large", 838'220'800, 773'891'840, 3197.56},
                        {"gpt2-xl", 1'637'792'000, 1'557'380'800, 6247.68}};
  for (const auto& [name, untied, tied, published_mb] : sizes) {
    auto config = model_preset(name);
    config.qkv_bias = false;
    config.tie_embeddings = false;
    table.count(concat("ch 4: parameters, ", name, " untied"), untied, parameter_count(config));
    const double megabytes = 4.0 * static_cast<double>(parameter_count(config)) / (1 << 20);
    table.number(concat("ch 4: MB, ", name), published_mb, megabytes, 2);
    config.tie_embeddings = true;
    table.count(concat("ch 4: parameters, ", name, " tied"), tied, parameter_count(config));
  }

  auto model = seeded_model(book_model(1024));
  const auto block = model->block(0);
  const auto size = [](const torch::nn::Module& module) {
    int64_t n = 0;
    for (const auto& parameter : module.parameters()) n += parameter.numel();
    return n;
  };
  table.count("ch 4: parameters of one feed-forward", 4'722'432, size(*block->mlp()));
  table.count("ch 4: parameters of one attention", 2'360'064, size(*block->attention()));

  // The chapter prints these with dropout on: training mode, right after seeding and construction.
  const auto row = [&](const char* text) {
    return torch::tensor(wide(gpt2->encode(text)), torch::kInt64);
  };
  torch::NoGradGuard no_grad;
  model->train();
  const auto logits =
      model(torch::stack({row("Every effort moves you"), row("Every day holds a")}));
  const double published[] = {0.3613, 0.4222, -0.0711};
  for (int i = 0; i < 3; ++i) {
    table.number(concat("ch 4: seed-123 logit ", i), published[i], logits[0][0][i].item<double>(),
                 4);
  }
  model->eval();
  const auto language_model = with_tokenizer(model, gpt2);
  GenerationConfig six;
  six.max_new_tokens = 6;
  auto ids = gpt2->encode("Hello, I am");
  const auto generated = generate(language_model, ids, six);
  ids.insert(ids.end(), generated.token_ids.begin(), generated.token_ids.end());
  table.ids("ch 4: untrained ids", {15496, 11, 314, 716, 27018, 24086, 47843, 30961, 42348, 7267},
            ids);
  table.text("ch 4: untrained text", " Featureiman Byeswickattribute argue", generated.text);
}

/// The mean losses over the story's windows of 256 tokens, in the order of seed 123.
std::pair<double, double> story_losses(GPT& model, const Tokenizer& gpt2, const fs::path& story) {
  const auto corpus = load_corpus({.train = {story}}, gpt2);
  const WindowOptions windows{256, 256};
  World alone;
  const auto mean = [&](const TokenStream& tokens, bool training) {
    const LoaderOptions options{.batch_size = 2, .shuffle = training, .drop_last = training};
    const auto data = std::make_shared<WindowDataset>(tokens, windows, "the story");
    return mean_over_batches(
        alone, data, {.loader = options}, [&](const Batch& batch) -> MeanTerms {
          const auto terms = static_cast<double>(count_targets(batch));
          return {terms * language_model_loss(model, batch).item<double>(), terms};
        });
  };
  torch::manual_seed(123);
  const double train = mean(corpus.train, true);
  return {train, mean(corpus.validation, false)};
}

/// What the book computes with OpenAI's weights, where they have been fetched.
void published_weights(Table& table, const fs::path& story) {
  auto gpt2 = load_language_model("gpt2");
  torch::NoGradGuard no_grad;
  const auto [train, validation] = story_losses(gpt2.gpt, *gpt2.tokenizer, story);
  table.number("ch 5: GPT-2's training loss", 3.7547486888, train, 4);
  table.number("ch 5: GPT-2's validation loss", 3.5596182346, validation, 4);
  GenerationConfig sampled;
  sampled.temperature = 1.5;
  sampled.top_k = 50;
  sampled.max_new_tokens = 25;
  table.text(
      "ch 5: GPT-2, top-k 50, temperature 1.5, seed 123",
      " toward finding an ideal new way to practice something!\n\nWhat makes us want to be on "
      "top of that?",
      generate(gpt2, gpt2.tokenizer->encode("Every effort moves you"), sampled).text);

  torch::manual_seed(123);
  Classifier classifier(gpt2.gpt, 2, Pooling::kLastToken, /*head_bias=*/true);
  auto head = classifier->head();
  initialize_linear_(head);
  classifier->eval();
  const auto ids = torch::tensor({{5211, 345, 423, 640}}, torch::kInt64);
  const auto logits = classifier(ids, std::vector<int64_t>{4});
  table.number("ch 6: \"Do you have time\", ham", -3.5983, logits[0][0].item<double>(), 4);
  table.number("ch 6: \"Do you have time\", spam", 3.9902, logits[0][1].item<double>(), 4);
}

void chapter5_untrained(Table& table, const std::shared_ptr<const Tokenizer>& gpt2,
                        const fs::path& story) {
  auto model = seeded_model(book_model(256));
  model->eval();
  torch::NoGradGuard no_grad;
  GenerationConfig ten;
  ten.max_new_tokens = 10;
  table.text(
      "ch 5: untrained text", " rentingetic wasnم refres RexMeCHicular stren",
      generate(with_tokenizer(model, gpt2), gpt2->encode("Every effort moves you"), ten).text);

  const auto corpus = load_corpus({.train = {story}}, *gpt2);
  const WindowOptions windows{256, 256};
  table.count("ch 5: training windows", 18,
              WindowDataset(corpus.train, windows, "training text").size());
  table.count("ch 5: validation windows", 2,
              WindowDataset(corpus.validation, windows, "validation").size());
  const auto [train, validation] = story_losses(model, *gpt2, story);
  table.number("ch 5: untrained training loss", 10.98758347829183, train, 6, 1e-6);
  table.number("ch 5: untrained validation loss", 10.98110580444336, validation, 6, 1e-6);
}

void chapter5_training(Table& table, const fs::path& tokenizer, const fs::path& story, bool all,
                       const fs::path& scratch) {
  const double published[18][2] = {{9.781, 9.933}, {8.111, 8.339}, {6.661, 7.048}, {5.961, 6.616},
                                   {5.726, 6.600}, {5.201, 6.348}, {4.417, 6.278}, {4.069, 6.226},
                                   {3.732, 6.160}, {2.850, 6.179}, {2.427, 6.141}, {2.104, 6.134},
                                   {1.882, 6.233}, {1.320, 6.238}, {0.985, 6.242}, {0.717, 6.293},
                                   {0.541, 6.393}, {0.391, 6.452}};
  TaskRequest request;
  request.inputs.files = {fs::path(GPTKIT_SOURCE_DIR) / "configs/book/ch05-pretrain.yaml"};
  request.inputs.overrides = {{"data.train", yaml_text(story.string()), "test"},
                              {"tokenizer", yaml_text(tokenizer.string()), "test"},
                              {"train.epochs", all ? "10" : "2", "test"}};
  request.out = scratch / "run";
  World alone;
  run_pretrain(request, alone);

  const MetricsLog metrics(request.out / "metrics.jsonl", 1 << 20);
  for (const auto& row : metrics.rows()) {
    const auto step = row.at("step").get<int64_t>();
    if (step % 5 != 0 || !row.contains("val_loss")) continue;
    table.number(concat("ch 5: training loss, step ", step), published[step / 5][0],
                 row.at("train_loss").get<double>(), 3, 1e-3);
    table.number(concat("ch 5: validation loss, step ", step), published[step / 5][1],
                 row.at("val_loss").get<double>(), 3, 1e-3);
  }
  if (!all) return;
  const auto samples = read_file(request.out / "samples.txt");
  const auto last = samples.substr(samples.find("epoch 10: ") + 10);
  table.text(
      "ch 5: text after epoch 10",
      "Every effort moves you know,\" was one of the axioms he laid down across the Sevres and "
      "silver of an exquisitely appointed luncheon-table, when, on a later day, I had again "
      "run over from Monte Carlo; and Mrs. Gis",
      last.substr(0, last.find('\n')));

  auto model = load_language_model((request.out / "model").string());
  GenerationConfig sampled;
  sampled.temperature = 1.4;
  sampled.top_k = 25;
  sampled.max_new_tokens = 15;
  table.text("ch 5: top-k 25, temperature 1.4, seed 123",
             " stand to work on surprise, a one of us had gone with random-",
             generate(model, model.tokenizer->encode("Every effort moves you"), sampled).text);
}

void chapter5_sampling(Table& table) {
  const std::vector<float> logits{4.51f, 0.89f, -1.90f, 6.75f, 1.63f, -1.62f, -1.89f, 6.28f, 1.79f};
  const std::pair<double, std::vector<int64_t>> published[] = {
      {1.0, {73, 0, 0, 582, 2, 0, 0, 343, 0}},
      {0.1, {0, 0, 0, 985, 0, 0, 0, 15, 0}},
      {5.0, {165, 75, 42, 239, 71, 46, 32, 227, 103}}};
  for (const auto& [temperature, counts] : published) {
    Sampler sampler({.temperature = temperature}, 123);
    std::vector<TokenId> drawn(9, 0);
    for (int i = 0; i < 1000; ++i) ++drawn[static_cast<size_t>(sampler.next(logits))];
    table.ids(concat("ch 5: 1,000 draws at temperature ", temperature), counts, drawn);
  }
  Candidates top;
  find_candidates(logits, {.temperature = 1, .top_k = 3}, top);  // tokens 0, 3 and 7
  const char* const places[] = {"first", "second", "third"};
  const double shares[] = {0.0615, 0.5775, 0.3610};
  for (size_t i = 0; i < 3; ++i) {
    const auto p = static_cast<double>(top.probability(i));
    table.number(concat("ch 5: top 3, ", places[i]), shares[i], p, 4);
  }
}

void chapter6(Table& table, const Tokenizer& gpt2, const fs::path& messages) {
  ClassificationOptions options;
  options.train = {messages};
  options.columns.label_column = "0";
  options.columns.text_column = "1";
  options.columns.header = TableHeader::kNone;
  options.labels = {"ham", "spam"};
  options.balance = Balance::kSmallest;
  const auto data = load_classification(options);
  table.count("ch 6: rows", 5572, data.rows);
  std::vector<LabelledText> all = data.train;
  all.insert(all.end(), data.validation.begin(), data.validation.end());
  all.insert(all.end(), data.test.begin(), data.test.end());
  const auto counts = class_counts(all, 2);
  table.count("ch 6: ham, balanced", 747, counts[0]);
  table.count("ch 6: spam, balanced", 747, counts[1]);
  table.count("ch 6: training rows", 1045, static_cast<int64_t>(data.train.size()));
  table.count("ch 6: validation rows", 149, static_cast<int64_t>(data.validation.size()));
  table.count("ch 6: test rows", 300, static_cast<int64_t>(data.test.size()));
  table.count("ch 6: longest training text", 120,
              ClassificationDataset(data.train, gpt2, {}).max_length());
  table.ids("ch 6: \"Do you have time\"", {5211, 345, 423, 640}, gpt2.encode("Do you have time"));
}

}  // namespace

int main(int argc, char** argv) {
  const bool all = argc > 1 && argv[1] == std::string("long");
  const auto data = data_folder();
  if (!fs::exists(data / "the-verdict.txt") || !fs::exists(tokenizer_file(data, "merges.txt"))) {
    std::cout << "no data here; fetch it with: bash third_party/setup.sh --tokenizer gpt2 "
                 "--data the-verdict --data sms\n";
    return 77;  // skipped
  }
  try {
    std::string pattern = (fs::temp_directory_path() / "gptkit-book-XXXXXX").string();
    const fs::path scratch = mkdtemp(pattern.data());
    fs::create_directories(scratch / "gpt2");
    for (const char* name : {"vocab.json", "merges.txt"}) {
      fs::copy_file(tokenizer_file(data, name), scratch / "gpt2" / name);
    }
    const std::shared_ptr<const Tokenizer> gpt2 = load_hugging_face_tokenizer(scratch / "gpt2");
    const auto story = data / "the-verdict.txt";
    set_threads(0);

    Table table;
    if (!all) {
      chapter2(table, *gpt2, read_file(story));
      chapter4(table, gpt2);
      chapter5_untrained(table, gpt2, story);
      chapter5_sampling(table);
      chapter6(table, *gpt2, data / "SMSSpamCollection.tsv");
      if (fs::exists(gptkit_home() / "gpt2" / "model.safetensors")) {
        published_weights(table, story);
      } else {
        std::cout << "The figures of OpenAI's weights are left out: bash third_party/setup.sh "
                     "--weights gpt2 fetches them.\n";
      }
    }
    chapter5_training(table, scratch / "gpt2", story, all, scratch);
    remove_tree(scratch);
    std::cout << (table.misses() ? "MISSED: " : "all figures as published: ") << table.misses()
              << " misses\n";
    return table.misses() ? 1 : 0;
  } catch (const std::exception& error) {
    std::cerr << "book_figures: " << error.what() << '\n';
    return 1;
  }
}
