// One model in every format: the same tensors, bit for bit, and the same continuation.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "formats/gguf_parts.h"
#include "formats/gguf_writer.h"
#include "golden_models.h"
#include "models/family.h"
#include "models/init.h"
#include "small_models.h"
#include "support/support.h"
#include "weights/bundle.h"
#include "weights/export.h"
#include "weights/model_source.h"
#include "weights/tensor_files.h"

namespace gptkit {
namespace {

using test::bytes_tokenizer;
using test::expect_error;
using test::golden_model;
using test::ScratchFolder;

/// A golden model's shape with room for the tokenizer, its weights by the same formula.
LanguageModel language_model(const std::string& name) {
  auto json = test::golden_models().at(name).at("config");
  json["vocab_size"] = 260;  // three rows without a token, as padded vocabularies have
  torch::NoGradGuard no_grad;
  LanguageModel model;
  model.gpt = GPT(config_from_json(json, name));
  for (auto [tensor, view] : hugging_face_views(model.gpt)) {
    view.copy_(test::golden_values(tensor, view.sizes()));
  }
  model.gpt->eval();
  model.tokenizer = bytes_tokenizer();
  return model;
}

void expect_same_tensors(const GPT& a, const GPT& b) {
  EXPECT_EQ(a->config(), b->config());
  const auto left = hugging_face_views(a), right = hugging_face_views(b);
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) {
    EXPECT_EQ(left[i].first, right[i].first);
    EXPECT_TRUE(torch::equal(left[i].second, right[i].second)) << left[i].first;
  }
}

class EveryFormat : public testing::TestWithParam<const char*> {
 protected:
  ScratchFolder scratch_;

  std::string saved(const LanguageModel& model) {
    const auto folder = scratch_ / "hf";
    fs::create_directories(folder);
    save_language_model(folder, model);
    return folder.string();
  }
};
INSTANTIATE_TEST_SUITE_P(Of, EveryFormat,
                         testing::Values("gpt2-odd", "gpt2-published-vocabulary", "llama-grouped",
                                         "llama-scaled-biased", "qwen2", "mistral"),
                         test::test_name);

TEST_P(EveryFormat, HoldsTheSameTensors) {
  const auto model = language_model(GetParam());
  const auto folder = saved(model);
  expect_same_tensors(load_language_model(folder).gpt, model.gpt);

  const auto source = open_model(folder);
  const auto tokenizer = open_tokenizer(source);
  const auto gguf = scratch_ / "model.gguf";
  export_gguf(source, *tokenizer, gguf, DType::kFloat32);
  const auto from_gguf = load_language_model(gguf.string());
  expect_same_tensors(from_gguf.gpt, model.gpt);
  EXPECT_EQ(from_gguf.tokenizer->encode("one 2 three"), tokenizer->encode("one 2 three"));
  EXPECT_EQ(from_gguf.tokenizer->end_of_text(), tokenizer->end_of_text());

  // And back: the file and the folder are those of the first time, byte for byte.
  const auto again = scratch_ / "again";
  fs::create_directories(again);
  const auto gguf_source = open_model(gguf.string());
  export_hugging_face(gguf_source, *open_tokenizer(gguf_source), again, DType::kFloat32);
  EXPECT_EQ(read_file(again / "model.safetensors"),
            read_file(fs::path(folder) / "model.safetensors"));
  export_gguf(open_model(again.string()), *tokenizer, scratch_ / "model2.gguf", DType::kFloat32);
  EXPECT_EQ(open_model((scratch_ / "model2.gguf").string()).config, gguf_source.config);
}

TEST_P(EveryFormat, HalfPrecisionGoesRoundExactly) {
  const auto folder = saved(language_model(GetParam()));
  const auto source = open_model(folder);
  const auto tokenizer = open_tokenizer(source);
  for (const auto dtype : {DType::kFloat16, DType::kBFloat16}) {
    const auto half = scratch_ / name(dtype), gguf = half / "m.gguf", back = half / "back";
    fs::create_directories(back);
    export_hugging_face(source, *tokenizer, half, dtype);
    EXPECT_EQ(main_dtype(open_model(half.string())), dtype);
    export_gguf(open_model(half.string()), *tokenizer, gguf, dtype);
    EXPECT_EQ(main_dtype(open_model(gguf.string())), dtype);
    export_hugging_face(open_model(gguf.string()), *tokenizer, back, dtype);
    EXPECT_EQ(read_file(back / "model.safetensors"), read_file(half / "model.safetensors"));
  }
}

TEST_P(EveryFormat, QuantisedWeightsStayClose) {
  const auto model = language_model(GetParam());
  const auto source = open_model(saved(model));
  for (const auto& [dtype, most] :
       {std::pair{DType::kQ8_0, 0.005}, std::pair{DType::kQ4_0, 0.08}}) {
    const auto gguf = scratch_ / concat(name(dtype), ".gguf");
    export_gguf(source, *open_tokenizer(source), gguf, dtype);
    const auto views = hugging_face_views(load_language_model(gguf.string()).gpt);
    const auto want = hugging_face_views(model.gpt);
    for (size_t i = 0; i < want.size(); ++i) {
      // Half a step of the scale: 0.5 / 127 and 0.5 / 8 of values up to 0.5, and a float16 scale.
      const auto error = (views[i].second - want[i].second).abs().max().item<double>();
      EXPECT_LT(error, most) << want[i].first;
    }
  }
}

/// A GGUF file in two parts, as gguf-split makes them; gives the first.
fs::path split_gguf(const fs::path& path) {
  const GgufFile file(path);
  const auto all = file.tensors();
  const size_t half = all.size() / 2;
  const auto part = [&](const char* number, uint16_t no, size_t begin, size_t end) {
    const auto name = concat(path.stem().string(), "-0000", number, "-of-00002.gguf");
    std::vector<GgufField> fields = {{"split.no", no},
                                     {"split.count", uint16_t{2}},
                                     {"split.tensors.count", static_cast<int32_t>(all.size())}};
    for (const auto& entry : file.entries()) {
      if (no == 0) fields.push_back({std::string(entry.key), file.value(entry)});
    }
    std::vector<TensorSpec> specs;
    for (size_t i = begin; i < end; ++i) {
      specs.push_back({all[i].name, all[i].dtype, all[i].shape});
    }
    GgufWriter writer(path.parent_path() / name, fields, specs);
    for (size_t i = begin; i < end; ++i) writer.write(all[i].name, file.bytes(all[i]));
    writer.commit();
    return path.parent_path() / name;
  };
  part("2", 1, half, all.size());
  return part("1", 0, 0, half);
}

TEST(Formats, AGgufInPartsIsOneModel) {
  const auto model = language_model("llama-grouped");
  ScratchFolder scratch;
  const auto hf = scratch / "hf", parts = scratch / "parts";
  fs::create_directories(hf);
  fs::create_directories(parts);
  save_language_model(hf, model);
  export_gguf(open_model(hf.string()), *model.tokenizer, parts / "m.gguf", DType::kFloat32);
  const auto first = split_gguf(parts / "m.gguf");
  fs::remove(parts / "m.gguf");
  expect_same_tensors(load_language_model(first.string()).gpt, model.gpt);
  expect_same_tensors(load_language_model(parts.string()).gpt, model.gpt);
  const auto second = parts / "m-00002-of-00002.gguf";
  expect_error([&] { open_model(second.string()); },
               "is part 2 of 2; name the first one, " + first.string());
  fs::rename(second, scratch / "elsewhere.gguf");
  expect_error([&] { open_model(first.string()); }, second.string() + ": part 2 of 2 is missing");
  fs::copy_file(first, second);
  expect_error([&] { open_model(first.string()); }, "says that it is part 1 of 2");
  fs::rename(first, parts / "renamed.gguf");
  expect_error([&] { open_model((parts / "renamed.gguf").string()); }, "its name does not say so");
}

TEST(Formats, AFreeCombinationOfChoicesIsAFolderOfItsOwnFamily) {
  LanguageModel model;
  model.tokenizer = bytes_tokenizer();
  model.gpt = GPT(ModelConfig{.family = "gptkit",
                              .norm_placement = NormPlacement::kPost,
                              .positions = PositionKind::kSinusoidal,
                              .mlp = MlpKind::kSwiglu,
                              .vocab_size = 257,
                              .context_length = 12,
                              .n_layer = 2,
                              .n_head = 2,
                              .n_kv_head = 1,
                              .d_model = 8,
                              .d_ff = 20,
                              .mlp_bias = false,
                              .tie_embeddings = false});
  torch::manual_seed(3);
  initialize_(model.gpt);
  ScratchFolder scratch;
  save_language_model(scratch.path(), model);
  expect_same_tensors(load_language_model(scratch.path().string()).gpt, model.gpt);
  const auto source = open_model(scratch.path().string());
  EXPECT_EQ(source.json.at("model_type"), "gptkit");
  expect_error([&] { export_gguf(source, *model.tokenizer, scratch / "m.gguf", DType::kFloat32); },
               "family gptkit has no GGUF form");
}

TEST(Formats, AFamilyIsKeptAndNeverGuessedFromTheShape) {
  for (const char* name : {"mistral", "qwen2", "llama-grouped"}) {
    const auto model = language_model(name);
    const std::string family(model.gpt->config().family);
    EXPECT_TRUE(std::string(name).starts_with(family));
    ScratchFolder scratch;
    fs::create_directories(scratch / "hf");
    save_language_model(scratch / "hf", model);
    const auto source = open_model((scratch / "hf").string());
    EXPECT_EQ(source.json.at("model_type"), family);
    export_gguf(source, *model.tokenizer, scratch / "m.gguf", DType::kFloat32);
    EXPECT_EQ(open_model((scratch / "m.gguf").string()).config.family, family);
  }
  // A Llama with a qwen2's biases has no place in its family's files.
  auto config = of_family("llama");
  config.proj_bias = config.mlp_bias = false;
  expect_error([&] { GPT gpt(config); },
               "biases on queries, keys and values alone are family qwen2");
}

TEST(Formats, ALlmcFileIsTheSameModel) {
  auto json = test::golden_models().at("gpt2-odd").at("config");
  json["n_inner"] = nullptr;
  json["vocab_size"] = 50257;
  ScratchFolder scratch;
  torch::NoGradGuard no_grad;
  LanguageModel model;
  model.gpt = GPT(config_from_json(json, "llmc"));
  for (auto [tensor, view] : hugging_face_views(model.gpt)) {
    view.copy_(test::golden_values(tensor, view.sizes()));
  }
  model.tokenizer = bytes_tokenizer();
  fs::create_directories(scratch / "hf");
  save_language_model(scratch / "hf", model);
  export_llmc(open_model((scratch / "hf").string()), scratch / "m.bin", DType::kFloat32);
  auto source = open_model((scratch / "m.bin").string());
  EXPECT_EQ(source.config, model.gpt->config());
  GPT again(source.config);
  load_from_hugging_face(again, source.tensors);
  expect_same_tensors(again, model.gpt);
  const auto llama = language_model("llama-grouped");
  fs::create_directories(scratch / "llama");
  save_language_model(scratch / "llama", llama);
  expect_error(
      [&] {
        export_llmc(open_model((scratch / "llama").string()), scratch / "x.bin", DType::kFloat32);
      },
      "llm.c's format supports only GPT-2");
}

TEST(Formats, LargeModelsAreCutIntoShards) {
  const auto model = language_model("llama-grouped");
  ScratchFolder scratch;
  save_language_model(scratch.path(), model, {.max_shard_bytes = 20'000});
  EXPECT_FALSE(fs::exists(scratch / "model.safetensors"));
  EXPECT_TRUE(fs::exists(scratch / "model-00001-of-00007.safetensors") ||
              fs::exists(scratch / "model.safetensors.index.json"));
  expect_same_tensors(load_language_model(scratch.path().string()).gpt, model.gpt);
}

TEST(Formats, AFolderSavedByTheBareModelOpens) {
  for (const char* name : {"gpt2-odd", "llama-grouped"}) {
    auto json = test::golden_models().at(name).at("config");
    json["tie_word_embeddings"] = true;
    json["vocab_size"] = 257;
    GPT model(config_from_json(json, name));
    NamedTensors bare;
    for (const auto& [tensor, view] : hugging_face_views(model)) {
      view.copy_(test::golden_values(tensor, view.sizes()));
      bare.emplace_back(tensor.substr(tensor.find('.') + 1), view);
    }
    ScratchFolder scratch;
    save_tensors(scratch / "model.safetensors", bare);
    write_file_atomic(scratch / "config.json", dump_json(json));
    bytes_tokenizer()->save(scratch.path());
    expect_same_tensors(load_language_model(scratch.path().string()).gpt, model);
  }
}

fs::path golden(const char* name) { return fs::path(GPTKIT_SOURCE_DIR) / "tests/golden" / name; }

TEST(Formats, PyTorchsFileHoldsWhatSafetensorsHolds) {
  ScratchFolder scratch;
  for (const char* name : {"config.json", "pytorch_model.bin"}) {
    fs::copy_file(golden("gpt2-tiny") / name, scratch / name);
  }
  const auto old = open_model(scratch.path().string());
  const auto want = open_model(golden("gpt2-tiny").string());
  GPT from_old(old.config), from_new(want.config);
  load_from_hugging_face(from_old, old.tensors);
  load_from_hugging_face(from_new, want.tensors);
  expect_same_tensors(from_old, from_new);
}

TEST(Formats, OpenAisFolderOpens) {
  ScratchFolder scratch;
  for (const char* name : {"checkpoint", "model.ckpt.index", "model.ckpt.data-00000-of-00001"}) {
    fs::copy_file(golden("tensorflow_checkpoint") / name, scratch / name);
  }
  write_file_atomic(scratch / "hparams.json",
                    R"({"n_vocab": 7, "n_ctx": 6, "n_embd": 4, "n_head": 2, "n_layer": 2})");
  const auto source = open_model(scratch.path().string());
  EXPECT_EQ(source.format, ModelFormat::kOpenAi);
  GPT model(source.config);
  load_from_hugging_face(model, source.tensors);
  TensorMap theirs;
  add_file(theirs, source.files.front());
  EXPECT_TRUE(torch::equal(model->block(1)->mlp()->up()->weight.t(),
                           theirs.at("model/h1/mlp/c_fc/w").squeeze(0)));
  EXPECT_TRUE(torch::equal(model->final_norm()->bias, theirs.at("model/ln_f/b")));

  write_file_atomic(scratch / "hparams.json",
                    R"({"n_vocab": 7, "n_ctx": 6, "n_embd": 4, "n_head": 2, "n_layer": 3})");
  const auto deeper = open_model(scratch.path().string());
  expect_error(
      [&] {
        GPT other(deeper.config);
        load_from_hugging_face(other, deeper.tensors);
      },
      "missing: transformer.h.2.ln_1.weight");
}

TEST(Formats, AForeignFileIsRefusedByName) {
  ScratchFolder scratch;
  write_file_atomic(scratch / "notes.txt", "nothing of the kind");
  expect_error([&] { open_model((scratch / "notes.txt").string()); }, "not a weight file");
  expect_error([&] { open_model((scratch / "absent").string()); }, "no such file or folder");
  expect_error([&] { open_model("gpt2-medium"); }, "setup.sh --weights gpt2-medium");
  save_tensors(scratch / "lone.safetensors", NamedTensors{{"x", torch::zeros({2})}});
  expect_error([&] { open_model((scratch / "lone.safetensors").string()); },
               "put its config.json beside it");
}

}  // namespace
}  // namespace gptkit
