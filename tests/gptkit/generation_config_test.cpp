#include "gptkit/generation_config.h"

#include <gtest/gtest.h>

#include "infer/generation_config.h"

namespace gptkit::api {
namespace {

TEST(GenerationConfig, HasTheDefaultsOfThePrograms) {
  // A field that is added to the public struct does not compile until it is compared here.
  const auto& [max_new_tokens, temperature, top_k, top_p, min_p, typical_p, repetition_penalty,
               presence_penalty, frequency_penalty, no_repeat_ngram_size, logit_bias, stop,
               ignore_end, seed] = GenerationConfig{};
  const gptkit::GenerationConfig programs;
  EXPECT_EQ(max_new_tokens, programs.max_new_tokens);
  EXPECT_EQ(temperature, programs.temperature);
  EXPECT_EQ(top_k, programs.top_k);
  EXPECT_EQ(top_p, programs.top_p);
  EXPECT_EQ(min_p, programs.min_p);
  EXPECT_EQ(typical_p, programs.typical_p);
  EXPECT_EQ(repetition_penalty, programs.repetition_penalty);
  EXPECT_EQ(presence_penalty, programs.presence_penalty);
  EXPECT_EQ(frequency_penalty, programs.frequency_penalty);
  EXPECT_EQ(no_repeat_ngram_size, programs.no_repeat_ngram_size);
  EXPECT_EQ(logit_bias, programs.logit_bias);
  EXPECT_EQ(stop, programs.stop);
  EXPECT_EQ(ignore_end, programs.ignore_end);
  EXPECT_EQ(seed, programs.seed);
}

}  // namespace
}  // namespace gptkit::api
