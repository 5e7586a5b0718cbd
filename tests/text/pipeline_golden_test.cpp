// tests/golden/pipelines.json, which make_pipeline_golden.py writes: ids and texts of `tokenizers`.

#include <gtest/gtest.h>

#include "base/json.h"
#include "text/text_support.h"

namespace gptkit {
namespace {

using namespace test;

/// A case's tokenizer.json.
Json tokenizer_json(const Json& golden, const Json& drawn) {
  Json file = {{"version", "1.0"}};
  for (const char* member :
       {"added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"}) {
    file[member] = drawn[member];
  }
  file["model"] = golden["models"][drawn["model"].get<std::string>()];
  file["model"].update(drawn["settings"]);
  return file;
}

/// Bytes that are no character come as "\uFFFD" from the library and as themselves from us.
bool has_replacement(const std::string& text) { return text.find("\xEF\xBF\xBD") != text.npos; }

TEST(PipelineGolden, IdsAndTextsAreThoseOfTokenizers) {
  const fs::path path = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "pipelines.json";
  const Json golden = parse_json(read_file(path), path.string());
  int number = 0;
  for (const Json& drawn : golden["cases"]) {
    SCOPED_TRACE(concat("case ", number++, ": ", drawn["model"].get<std::string>(), ' ',
                        dump_json(drawn["normalizer"]), ' ', dump_json(drawn["pre_tokenizer"]), ' ',
                        dump_json(drawn["decoder"]), ' ', dump_json(drawn["settings"])));
    ScratchFolder folder;
    write_file_atomic(folder / "tokenizer.json", dump_json(tokenizer_json(golden, drawn)));
    const auto tokenizer = load_hugging_face_tokenizer(folder.path());
    for (const Json& row : drawn["texts"]) {
      const auto text = row["text"].get<std::string>();
      SCOPED_TRACE(dump_json(row["text"]));
      EXPECT_EQ(tokenizer->encode(text), row["plain"].get<std::vector<TokenId>>());
      const auto [before, behind] = tokenizer->frame();
      auto ids = before;
      tokenizer->encode_append(text, ids, SpecialTokens::kAllow);
      ids.insert(ids.end(), behind.begin(), behind.end());
      EXPECT_EQ(ids, row["ids"].get<std::vector<TokenId>>());
      const auto decoded = row["decoded"].get<std::string>();
      if (!has_replacement(decoded)) {
        EXPECT_EQ(tokenizer->decode(ids), decoded);
      }
    }
  }
  EXPECT_GE(number, 36);
}

}  // namespace
}  // namespace gptkit
