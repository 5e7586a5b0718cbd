#include "tasks/generate/stored_generation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gptkit {
namespace {

TEST(StoredGeneration, NamesWhatIsNotApplied) {
  const GenerationConfig usual;
  GenerationConfig greedy, warm;
  greedy.temperature = 0;
  warm.temperature = 0.7;
  EXPECT_EQ(settings_left_out({{"num_beams", 1}, {"top_k", 50}, {"use_cache", true}}, usual), "");
  EXPECT_THAT(settings_left_out({{"min_length", 3}}, usual),
              testing::HasSubstr("min_length 3 is not supported; expected 0"));
  EXPECT_EQ(settings_left_out({{"no_repeat_ngram_size", 3}, {"typical_p", 0.9}}, usual),
            "no_repeat_ngram_size 3 is not used (0 is; give `no_repeat_ngram_size` 3)");
  EXPECT_THAT(settings_left_out({{"typical_p", 0.9}}, warm), testing::HasSubstr("typical_p 0.9"));
  EXPECT_EQ(settings_left_out({{"repetition_penalty", 1.3}, {"top_p", 0.9}}, greedy),
            "repetition_penalty 1.3 is not used (1 is; give `repetition_penalty` 1.3)");
  const Json beams = {{"num_beams", 4}, {"length_penalty", 2}, {"early_stopping", true}};
  EXPECT_EQ(settings_left_out(beams, usual), "num_beams 4 is not used (1 is; give `num_beams` 4)");
  EXPECT_EQ(
      settings_left_out(beams, GenerationConfig{.num_beams = 2}),
      "length_penalty 2 is not used (1 is; give `length_penalty` 2); early_stopping true is not "
      "used (false is; give `early_stopping` true)");
  EXPECT_EQ(settings_left_out({{"temperature", 0.6}}, warm), "") << "somebody chose another one";
  EXPECT_EQ(settings_left_out({{"do_sample", true}, {"temperature", 0.6}, {"top_p", 0.9}}, greedy),
            "temperature 0.6 is not used (0 is; give `temperature` 0.6)");
  EXPECT_EQ(settings_left_out({{"do_sample", false}, {"temperature", 0.6}}, greedy), "");
}

}  // namespace
}  // namespace gptkit
