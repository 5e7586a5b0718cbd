#include "data/tables/instruction.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "chat/chat_format.h"
#include "chat/styles.h"
#include "data/data_support.h"

namespace gptkit {
namespace {

using test::ByteTokenizer;
using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

constexpr std::int64_t kPad = ByteTokenizer::kEnd;

TEST(Instruction, SplitsInFileOrderIntoTrainTestAndValidation) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 20; ++i) text += "{\"instruction\": \"I\", \"output\": \"O\"}\n";
  text += "{\"instruction\": \"I\", \"output\": \" \\n\"}\n";
  test::write(folder / "a.jsonl", text);
  const auto data = load_instructions({.train = {folder / "a.jsonl"}});
  EXPECT_EQ(data.skipped.skipped_empty, 1);
  EXPECT_EQ(data.train.size(), 17u);
  EXPECT_EQ(data.test.front().row, 17);
  EXPECT_EQ(data.test.size(), 2u);
  EXPECT_EQ(data.validation.front().row, 19);

  const auto own =
      load_instructions({.train = {folder / "a.jsonl"}, .validation = {folder / "a.jsonl"}});
  EXPECT_EQ(own.train.size(), 20u);
  EXPECT_TRUE(own.test.empty());
}

TEST(Instruction, OneRowLeavesNoneForTraining) {
  const ScratchFolder folder;
  test::write(folder / "one.json", R"([{"instruction": "I", "output": "O"}])");
  expect_error([&] { load_instructions({.train = {folder / "one.json"}}); },
               "1 instruction row(s)");
}

/// Rows whose plain-style text is "<instruction>\n<output>".
class InstructionSet : public testing::Test {
 protected:
  InstructionDataset make(InstructionDatasetOptions options) const {
    options.pad_id = kPad;
    std::vector<InstructionExample> examples;
    for (const auto& row : rows_) {
      std::string prompt = row.prompt.system.value_or("");
      for (const auto& turn : row.prompt.history) prompt += turn.request + "\n" + turn.response;
      prompt += row.prompt.instruction;
      examples.push_back({tokenizer_.encode(prompt + "\n" + row.output), std::ssize(prompt)});
    }
    return {std::move(examples), options};
  }
  std::vector<InstructionRow> rows_{{{"ab", ""}, "cd", 0}, {{"a", ""}, "b", 1}};
  ByteTokenizer tokenizer_;
  std::vector<std::int64_t> both_{0, 1};
};

TEST_F(InstructionSet, OneEndOfTextIsLearnedAndPaddingIsNot) {
  const auto batch = make({}).collate(both_);
  EXPECT_EQ(batch.columns, 5);
  EXPECT_THAT(batch.inputs, ElementsAre('a', 'b', '\n', 'c', 'd', 'a', '\n', 'b', kPad, kPad));
  EXPECT_THAT(batch.targets,
              ElementsAre('b', '\n', 'c', 'd', kPad, '\n', 'b', kPad, kNoLoss, kNoLoss));
  EXPECT_THAT(batch.lengths, ElementsAre(5, 3));
}

TEST_F(InstructionSet, TheMaskedPromptIsWithoutLoss) {
  const auto batch = make({.mask_prompt = true}).collate(both_);
  EXPECT_THAT(batch.targets,
              ElementsAre(kNoLoss, '\n', 'c', 'd', kPad, '\n', 'b', kPad, kNoLoss, kNoLoss));
}

TEST_F(InstructionSet, CutsToTheAllowedLengthAndCounts) {
  const auto dataset = make({.allowed_max_length = 4});
  EXPECT_EQ(dataset.truncated(), 1);
  EXPECT_EQ(dataset.longest(), 5);
  const auto batch = dataset.collate(both_);
  EXPECT_EQ(batch.columns, 4);
  EXPECT_THAT(batch.inputs, ElementsAre('a', 'b', '\n', 'c', 'a', '\n', 'b', kPad));
  EXPECT_THAT(batch.targets, ElementsAre('b', '\n', 'c', 'd', '\n', 'b', kPad, kNoLoss));
}

TEST_F(InstructionSet, RowsWithoutATargetAreSkippedAndNeverAllOfThem) {
  rows_.push_back({{"a prompt that fills the whole limit", ""}, "x", 2});
  const auto dataset = make({.mask_prompt = true, .allowed_max_length = 6});
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.skipped_without_target(), 1);
  EXPECT_EQ(make({.allowed_max_length = 6}).size(), 3) << "unmasked, the prompt is learned";
  rows_.erase(rows_.begin() + 1);
  expect_error([&] { make({.mask_prompt = true, .allowed_max_length = 1}).size(); },
               "each of 2 prompts fills the limit of 1 tokens");
}

TEST_F(InstructionSet, TheFingerprintCoversWhatIsLearnedFrom) {
  const auto one = make({}).fingerprint();
  EXPECT_EQ(make({}).fingerprint(), one);
  EXPECT_NE(make({.mask_prompt = true}).fingerprint(), one);
  EXPECT_NE(make({.allowed_max_length = 4}).fingerprint(), one);
  rows_[0].prompt.system = "S";
  const auto with_system = make({}).fingerprint();
  EXPECT_NE(with_system, one);
  rows_[0].prompt.system.reset();
  rows_[0].prompt.history = {{"S", ""}};
  EXPECT_NE(make({}).fingerprint(), one);
  rows_[0].prompt.history.clear();
  std::swap(rows_[0], rows_[1]);
  EXPECT_NE(make({}).fingerprint(), one);
}

TEST_F(InstructionSet, EveryRowKeepsATarget) {
  for (std::int64_t limit = 2; limit < 8; ++limit) {
    const auto dataset = make({.mask_prompt = true, .allowed_max_length = limit});
    for (std::int64_t i = 0; i < dataset.size(); ++i) {
      const auto batch = dataset.collate(std::vector{i});
      EXPECT_TRUE(std::any_of(batch.targets.begin(), batch.targets.end(),
                              [](auto target) { return target != kNoLoss; }));
    }
  }
}

/// SHA-256 over the inputs, and over the targets, of all batches of 8 in order.
std::pair<std::string, std::string> digests(const InstructionDataset& dataset) {
  std::string inputs, targets;
  for (std::int64_t begin = 0; begin < dataset.size(); begin += 8) {
    std::vector<std::int64_t> indices(
        static_cast<std::size_t>(std::min<std::int64_t>(8, dataset.size() - begin)));
    std::iota(indices.begin(), indices.end(), begin);
    const auto batch = dataset.collate(indices);
    inputs += test::bytes_of(batch.inputs);
    targets += test::bytes_of(batch.targets);
  }
  return {sha256_hex(inputs), sha256_hex(targets)};
}

// Chapter 7 of the book and its exercise 7.2; the digests are of what the book's collate functions
// give with Hugging Face's tokenizer.
TEST(Instruction, TheInstructionsBecomeTheBooksBatches) {
  GPTKIT_REAL_DATA_OR_SKIP(folder);
  const auto tokenizer = test::gpt2_tokenizer(folder);
  const auto data = load_instructions({.train = {folder / "instruction-data.json"}});
  EXPECT_EQ(data.train.size(), 935u);
  EXPECT_EQ(data.test.size(), 110u);
  EXPECT_EQ(data.validation.size(), 55u);
  EXPECT_EQ(data.skipped.skipped_empty, 0);

  const ChatFormat alpaca(ChatTemplate(style_template(PromptStyle::kAlpaca), "alpaca"), tokenizer,
                          {});
  std::vector<InstructionExample> examples;
  for (const auto& row : data.train) {
    const auto prompt = alpaca.request(row.prompt.instruction, row.prompt.input);
    auto [ids, prompt_tokens] = alpaca.encode_example({{"user", prompt}}, row.output);
    examples.push_back({std::move(ids), prompt_tokens});
  }
  const auto made = [&](const InstructionDatasetOptions& options) {
    return digests(InstructionDataset(examples, options));
  };
  EXPECT_THAT(made({}),
              testing::Pair("3d754f6e7e18ee73f37d05d2836cb448073990094e9d4529cdf7006802da930b",
                            "c78c97c88a7cdded88a5422239b48c7fd372bdda0ea60d4e8035e3f188ff39ea"));
  EXPECT_THAT(made({.mask_prompt = true}),
              testing::Pair("3d754f6e7e18ee73f37d05d2836cb448073990094e9d4529cdf7006802da930b",
                            "1a177e520828f6f48b6f8dbd2cdd472263696725aed916c94be73ed85cbf5b03"));
  EXPECT_THAT(made({.allowed_max_length = 64}),
              testing::Pair("0474eab6c290c310308833a3bb53d377be4c23ee958a6d2c2ef272d189e3d06b",
                            "6e61863a27b15c4a34a5e3b0c9265cab3c113b1d4d488b870ad5bb26c1ee8bd2"));
  EXPECT_THAT(made({.mask_prompt = true, .allowed_max_length = 90}),
              testing::Pair("c92df15c322961d30fed70e768e11cc8f8c792aaf0ec608c1688e867c89fe78f",
                            "0688c8b76a8af43d1247cc34abcfe4c3ddd85087eeda9d8131e8db450e66bcbb"));
}

}  // namespace
}  // namespace gptkit
