#include "text/pipeline_decoder.h"

#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

PipelineDecoder decoder_of(const char* json) {
  return read_pipeline_decoder(parse_json(json, "t.json"), "t.json");
}

constexpr const char* kLlama = R"({"decoder": {"type": "Sequence", "decoders": [
  {"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "ByteFallback"},
  {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}})";

TEST(PipelineDecoder, TurnsTokensIntoText) {
  const auto decoder = decoder_of(kLlama);
  EXPECT_EQ(decoder.text_of("_a_b"), " a b");
  EXPECT_EQ(decoder.text_of("<0xC3>"), "\xC3");
  EXPECT_EQ(decoder.text_of("<0xCG>"), "<0xCG>");
  EXPECT_EQ(decoder.stripped("  a "), " a ");
}

TEST(PipelineDecoder, RefusesOtherStepsByName) {
  expect_error([] { decoder_of(R"({"decoder": {"type": "WordPiece"}})"); },
               "t.json: decoder: unsupported decoder WordPiece");
  expect_error([] { decoder_of(R"({"decoder": null})"); }, "unsupported decoder none");
}

}  // namespace
}  // namespace gptkit
