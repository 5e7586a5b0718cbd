#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;

class Convert : public TinyRun {
 protected:
  static ProgramResult convert(const Arguments& arguments) {
    return run("convert", Arguments{"-q"} + arguments);
  }
  static Json greedy(const std::string& model) {
    const auto result = run("generate", {"-q", "--threads", "1", "-m", model, "-p", "Once upon",
                                         "-n", "12", "--temperature", "0", "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return parse_json(result.out, model).at("token_ids");
  }
};

TEST_F(Convert, AModelContinuesAlikeInEveryFormat) {
  const auto want = greedy("pre/model");
  EXPECT_EQ(want.size(), 12u);
  for (const Arguments& step :
       {Arguments{"pre/model", "m.gguf"}, Arguments{"m.gguf", "back", "--to", "hf"}}) {
    const auto result = convert(step);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, step[1] + "\n");
    EXPECT_EQ(greedy(step[1]), want);
  }
  EXPECT_EQ(sha256_of_file(folder() / "back/model.safetensors"), weights("pre"));
  EXPECT_EQ(convert({"pre/model", "m8.gguf", "--dtype", "q8_0"}).exit_code, 0);
  EXPECT_EQ(greedy("m8.gguf").size(), 12u);
  EXPECT_LT(fs::file_size(folder() / "m8.gguf"), fs::file_size(folder() / "m.gguf"));
}

TEST_F(Convert, ShowsWhatAModelHolds) {
  const auto json = run("convert", {"inspect", "--json", "pre/model"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto found = parse_json(json.out, "inspect");
  EXPECT_EQ(found.at("format"), "hf");
  EXPECT_EQ(found.at("tokenizer").at("tokens"), 300);
  EXPECT_EQ(found.at("tensors").size(), 16u);
  EXPECT_EQ(found.at("files")[0].at("sha256"), weights("pre"));
  EXPECT_EQ(found.at("parameters"), found.at("tensor_elements"));
  EXPECT_THAT(run("convert", {"inspect", "pre/model"}).out, HasSubstr("transformer.wte.weight"));
  // A file of tensors alone.
  const auto state =
      run("convert", {"inspect", "pre/checkpoints/step-00000004/optimizer.safetensors"});
  EXPECT_EQ(state.exit_code, 0) << state.err;
  EXPECT_THAT(state.out, HasSubstr("exp_avg/"));
}

TEST_F(Convert, ARefusalLosesNothing) {
  ASSERT_EQ(convert({"pre/model", "there.gguf"}).exit_code, 0);
  const auto before = sha256_of_file(folder() / "there.gguf");
  file("text.txt", "no model at all");
  const std::pair<Arguments, const char*> bad[] = {
      {{"pre/model", "there.gguf"}, "exists already"},
      {{"pre/model"}, "convert IN OUT"},
      {{"absent", "x.gguf"}, "no such file or folder"},
      {{"text.txt", "x.gguf"}, "not a weight file"},
      {{"pre/model", "x", "--to", "onnx"}, "expected one of"},
      {{"pre/model", "x", "--dtype", "q8_0"}, "float32, float16 or bfloat16"},
      {{"pre/model", "x.bin", "--dtype", "float16"}, "float32 or bfloat16"},
      {{"pre/model", "x.gguf", "--dtype", "int3"}, "expected one of"}};
  for (const auto& [arguments, part] : bad) {
    const auto result = convert(arguments);
    EXPECT_EQ(result.exit_code, 2) << part;
    EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_FALSE(fs::exists(folder() / "x")) << part;
    EXPECT_FALSE(fs::exists(folder() / "x.gguf")) << part;
  }
  EXPECT_EQ(sha256_of_file(folder() / "there.gguf"), before);
  EXPECT_EQ(convert({"pre/model", "there.gguf", "--overwrite", "--dtype", "float16"}).exit_code, 0);
  EXPECT_NE(sha256_of_file(folder() / "there.gguf"), before);
}

TEST_F(Convert, ADamagedFileIsRefusedInOneLine) {
  ASSERT_EQ(convert({"pre/model", "whole.gguf"}).exit_code, 0);
  const auto bytes = content("whole.gguf");
  for (const size_t kept : {size_t{3}, size_t{20}, size_t{300}, bytes.size() / 2}) {
    file("cut.gguf", std::string_view(bytes).substr(0, kept));
    const auto result = generate({"-m", "cut.gguf", "-p", "x"});
    const auto inspected = run("convert", {"inspect", "cut.gguf"});
    EXPECT_EQ(inspected.exit_code, 2) << kept;
    EXPECT_EQ(std::count(inspected.err.begin(), inspected.err.end(), '\n'), 1) << inspected.err;
    EXPECT_NE(result.exit_code, 0) << kept;
  }
}

}  // namespace
}  // namespace gptkit::test
