#include "gptkit/generation_config.h"

#include <gtest/gtest.h>

#include "infer/generation_config.h"

namespace gptkit::api {
namespace {

TEST(GenerationConfig, HasTheDefaultsOfThePrograms) {
  // A field that is added to the public struct does not compile until it is compared here.
  const auto& [max_new_tokens, temperature, top_k, top_p, min_p, repetition_penalty, stop,
               ignore_end, seed] = GenerationConfig{};
  const gptkit::GenerationConfig programs;
  EXPECT_EQ(max_new_tokens, programs.max_new_tokens);
  EXPECT_EQ(temperature, programs.temperature);
  EXPECT_EQ(top_k, programs.top_k);
  EXPECT_EQ(top_p, programs.top_p);
  EXPECT_EQ(min_p, programs.min_p);
  EXPECT_EQ(repetition_penalty, programs.repetition_penalty);
  EXPECT_EQ(stop, programs.stop);
  EXPECT_EQ(ignore_end, programs.ignore_end);
  EXPECT_EQ(seed, programs.seed);
}

}  // namespace
}  // namespace gptkit::api
