// Decoding computes what the modules compute, for every combination of choices, and to the bit the
// same however tokens, sequences and threads are arranged.

#include <torch/types.h>
#include <torch/utils.h>

#include <string>
#include <tuple>
#include <vector>

#include "kernels/dispatch.h"
#include "models/decoding_model.h"
#include "models/family.h"
#include "models/init.h"
#include "support/support.h"

namespace gptkit {
namespace {

using Ids = std::vector<int32_t>;
using Rows = std::vector<std::vector<float>>;

ModelConfig any() {
  return {.family = "gptkit",
          .vocab_size = 67,
          .context_length = 80,
          .n_layer = 2,
          .n_head = 4,
          .n_kv_head = 2,
          .d_model = 24,
          .d_ff = 40};
}

/// Every parameter does something, as in a trained model; `noise` is how much the matrices do.
GPT model_of(const ModelConfig& config, double noise = 0.3) {
  torch::manual_seed(1);
  GPT model(config);
  initialize_(model);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) {
    parameter.add_(torch::randn_like(parameter), parameter.dim() == 1 ? 0.1 : noise);
  }
  model->eval();
  return model;
}

Ids some_ids(int64_t count, int64_t seed = 2) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  const auto ids = torch::randint(67, {count}, torch::kInt32);
  return {ids.const_data_ptr<int32_t>(), ids.const_data_ptr<int32_t>() + count};
}

/// The logits behind each token, from the modules.
Rows module_logits(GPT model, const Ids& ids) {
  torch::NoGradGuard no_grad;
  const auto input = torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).unsqueeze(0);
  const auto logits = model->forward(input)[0].contiguous();
  Rows rows;
  for (int64_t t = 0; t < logits.size(0); ++t) {
    const auto* row = logits[t].const_data_ptr<float>();
    rows.emplace_back(row, row + logits.size(1));
  }
  return rows;
}

/// A model with a pool of pages.
struct Decoder {
  DecodingModel model;
  KvPagePool pool;

  Decoder(const GPT& gpt, const DecodingOptions& options)
      : model(gpt->config(), layers_of(gpt), options), pool(model.layout(), 64) {}

  /// The logits behind each token, fed in pieces of these lengths.
  Rows run(const Ids& ids, const std::vector<int64_t>& pieces) {
    KvSequence sequence;
    Rows rows;
    size_t at = 0;
    for (const auto piece : pieces) {
      sequence.grow(pool, piece);
      const DecodingModel::Chunk chunk{
          &sequence, std::span(ids).subspan(at, static_cast<size_t>(piece)), piece};
      model.step({&chunk, 1}, [&](int64_t, int64_t, std::span<const float> logits) {
        rows.emplace_back(logits.begin(), logits.end());
      });
      at += static_cast<size_t>(piece);
    }
    return rows;
  }
};

/// Largest difference relative to the largest value.
double difference(const Rows& got, const Rows& want) {
  double most = 0, error = 0;
  EXPECT_EQ(got.size(), want.size());
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    for (size_t v = 0; v < want[i].size(); ++v) {
      most = std::max(most, std::abs(double{want[i][v]}));
      error = std::max(error, std::abs(double{got[i][v]} - want[i][v]));
    }
  }
  return error / most;
}

using Choice = std::tuple<NormKind, NormPlacement, PositionKind, MlpKind>;

template <class Enum>
std::string text_of(Enum value) {
  for (const auto& [text, each] : enum_names(value)) {
    if (each == value) return text;
  }
  return {};
}

std::string choice_name(const testing::TestParamInfo<Choice>& instance) {
  const auto& [norm, placement, positions, mlp] = instance.param;
  return text_of(norm) + "_" + text_of(placement) + "_" + text_of(positions) + "_" + text_of(mlp);
}

class DecodingOfEveryChoice : public testing::TestWithParam<Choice> {};

TEST_P(DecodingOfEveryChoice, GivesTheLogitsOfTheModules) {
  auto config = any();
  std::tie(config.norm, config.norm_placement, config.positions, config.mlp) = GetParam();
  const auto gpt = model_of(config);
  const auto ids = some_ids(70);
  const auto want = module_logits(gpt, ids);
  for (const auto isa : available_isas()) {
    const IsaScope scope(isa);
    Decoder decoder(gpt, {.threads = 2});
    EXPECT_LT(difference(decoder.run(ids, {70}), want), 2e-5) << name(isa);
  }
}

TEST_P(DecodingOfEveryChoice, DoesNotDependOnHowTheTokensCome) {
  auto config = any();
  std::tie(config.norm, config.norm_placement, config.positions, config.mlp) = GetParam();
  const auto gpt = model_of(config);
  const auto ids = some_ids(70);
  for (const auto format : {WeightFormat::kStored, WeightFormat::kBFloat16}) {
    Decoder decoder(gpt, {.format = format, .threads = 2});
    const auto at_once = decoder.run(ids, {70});
    EXPECT_EQ(decoder.run(ids, {33, 1, 1, 30, 5}), at_once);
    Decoder alone(gpt, {.format = format, .threads = 1});
    EXPECT_EQ(alone.run(ids, std::vector<int64_t>(70, 1)), at_once);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Choices, DecodingOfEveryChoice,
    testing::Combine(testing::Values(NormKind::kLayer, NormKind::kRms),
                     testing::Values(NormPlacement::kPre, NormPlacement::kPost),
                     testing::Values(PositionKind::kLearned, PositionKind::kRotary,
                                     PositionKind::kSinusoidal, PositionKind::kNone),
                     testing::Values(MlpKind::kGelu, MlpKind::kSwiglu)),
    choice_name);

/// Widths that int8 and int4 can take.
ModelConfig wide() {
  auto config = any();
  config.positions = PositionKind::kRotary;
  config.norm = NormKind::kRms;
  config.mlp = MlpKind::kSwiglu;
  config.d_model = 64;
  config.d_ff = 192;
  return config;
}

TEST(Decoding, QuantisedWeightsStayNearTheModules) {
  const auto gpt = model_of(wide(), 0.1);
  const auto ids = some_ids(40);
  const auto want = module_logits(gpt, ids);
  for (const auto& [format, most] :
       {std::pair{WeightFormat::kBFloat16, 0.01}, std::pair{WeightFormat::kInt8, 0.06},
        std::pair{WeightFormat::kInt4, 0.6}}) {
    Decoder decoder(gpt, {.format = format, .threads = 2});
    const auto error = difference(decoder.run(ids, {40}), want);
    EXPECT_LT(error, most) << decoder.model.describe_weights();
    EXPECT_GT(error, 0) << "the format changes nothing";
  }
}

TEST(Decoding, ARowDoesNotDependOnOtherSequences) {
  const auto gpt = model_of(wide());
  for (const auto format : {WeightFormat::kFloat32, WeightFormat::kInt8, WeightFormat::kInt4}) {
    Decoder decoder(gpt, {.format = format, .threads = 2});
    const std::vector<Ids> prompts = {some_ids(5, 3), some_ids(37, 4), some_ids(1, 5),
                                      some_ids(12, 6), some_ids(9, 7)};
    std::vector<KvSequence> sequences(prompts.size());
    std::vector<DecodingModel::Chunk> chunks;
    for (size_t i = 0; i < prompts.size(); ++i) {
      sequences[i].grow(decoder.pool, std::ssize(prompts[i]));
      chunks.push_back({&sequences[i], prompts[i], 1});
    }
    Rows together;
    decoder.model.step(chunks, [&](int64_t chunk, int64_t, std::span<const float> logits) {
      EXPECT_EQ(chunk, std::ssize(together));
      together.emplace_back(logits.begin(), logits.end());
    });
    for (size_t i = 0; i < prompts.size(); ++i) {
      EXPECT_EQ(decoder.run(prompts[i], {std::ssize(prompts[i])}).back(), together[i]);
    }
  }
}

TEST(Decoding, CachesInFewerBitsStayNear) {
  const auto gpt = model_of(wide());
  const auto ids = some_ids(40);
  const auto want = module_logits(gpt, ids);
  for (const auto& [cache, most] :
       {std::pair{CacheKind::kBFloat16, 0.03}, std::pair{CacheKind::kInt8, 0.05}}) {
    Decoder decoder(gpt, {.cache = cache, .threads = 2});
    const auto got = decoder.run(ids, {40});
    EXPECT_LT(difference(got, want), most);
    EXPECT_EQ(decoder.run(ids, {7, 26, 7}), got);
  }
}

TEST(Decoding, AForkedSequenceGoesItsOwnWay) {
  const auto gpt = model_of(wide());
  Decoder decoder(gpt, {.threads = 2});
  const auto ids = some_ids(40);
  const auto want = decoder.run(ids, {40});
  KvSequence first;
  const auto feed = [&](KvSequence& sequence, std::span<const int32_t> tokens) {
    sequence.grow(decoder.pool, std::ssize(tokens));
    std::vector<float> last;
    const DecodingModel::Chunk chunk{&sequence, tokens, 1};
    decoder.model.step({&chunk, 1}, [&](int64_t, int64_t, std::span<const float> logits) {
      last.assign(logits.begin(), logits.end());
    });
    return last;
  };
  feed(first, std::span(ids).first(20));
  auto second = first;  // shares a page that is not full
  const auto before = decoder.pool.free_pages();
  const Ids others(20, 7);
  feed(second, others);
  EXPECT_LT(decoder.pool.free_pages(), before) << "the shared page was not copied";
  EXPECT_EQ(feed(first, std::span(ids).subspan(20)), want.back());
  second = {};
  first = {};
  EXPECT_EQ(decoder.pool.free_pages(), decoder.pool.max_pages());
}

}  // namespace
}  // namespace gptkit
