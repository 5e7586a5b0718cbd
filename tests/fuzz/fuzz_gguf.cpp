// formats/gguf and base/quantization: a file that opens has every tensor within it, its metadata
// can be read in every way, and its blocks become numbers.

#include "base/quantization.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

std::string file(const std::vector<GgufField>& metadata, const std::vector<TensorSpec>& specs) {
  return written("m.gguf", [&](const fs::path& folder) {
    GgufWriter writer(folder / "m.gguf", metadata, specs);
    for (const auto& spec : specs) {
      writer.write(spec.name, std::vector<std::byte>(tensor_bytes(spec.dtype, spec.shape, "")));
    }
    writer.commit();
  });
}

std::vector<GgufField> every_type() {
  std::vector<GgufField> fields;
  // One by one: GCC takes gigabytes for a list of variants under the sanitizers.
  const auto add = [&](const char* key, GgufValue value) {
    fields.push_back({key, std::move(value)});
  };
  add("u8", std::uint8_t{1});
  add("i8", std::int8_t{-1});
  add("u16", std::uint16_t{1});
  add("i16", std::int16_t{-1});
  add("u32", std::uint32_t{1});
  add("i32", std::int32_t{-1});
  add("f32", 0.5f);
  add("b", true);
  add("s", std::string("text"));
  add("u64", std::uint64_t{1} << 63);
  add("i64", std::int64_t{-1});
  add("f64", 0.1);
  add("bytes", std::vector<std::uint8_t>{1, 2});
  add("flags", std::vector<bool>{true, false});
  add("texts", std::vector<std::string>{"a", "", "bc"});
  add("numbers", std::vector<float>{1, 2});
  add("integers", std::vector<std::int32_t>{1, 2});
  return fields;
}

void read_metadata(const GgufFile& file) {
  for (const auto& entry : file.entries()) {
    touch(file.shown(entry));
    check(file.value(entry).index() < std::variant_size_v<GgufValue>, "a value has a type");
    const auto any = [&](auto&& read) {
      try {
        read(entry.key);
      } catch (const Error&) {
      }
    };
    any([&](std::string_view key) { file.integer(key, 1); });
    any([&](std::string_view key) { file.number(key, 1); });
    any([&](std::string_view key) { file.boolean(key, true); });
    any([&](std::string_view key) { touch(file.text(key, "")); });
    any([&](std::string_view key) { file.texts(key); });
    any([&](std::string_view key) { file.numbers(key); });
    any([&](std::string_view key) { file.integers(key); });
  }
}

}  // namespace

Corpus corpus() {
  const std::vector<GgufField> aligned = {{kGgufAlignmentKey, std::uint32_t{8}}};
  return {{file({}, {}), file(every_type(), {}),
           file(aligned, {{"a", DType::kFloat32, {2, 3}}, {"b", DType::kInt8, {5}}}),
           file({{"general.architecture", std::string("gpt2")},
                 {"tokenizer.ggml.tokens", std::vector<std::string>(9, "token")}},
                {{"q4_0", DType::kQ4_0, {2, 32}},
                 {"q4_1", DType::kQ4_1, {32}},
                 {"q5_0", DType::kQ5_0, {32}},
                 {"q5_1", DType::kQ5_1, {32}},
                 {"q8_0", DType::kQ8_0, {1, 2, 32}},
                 {"q4_k", DType::kQ4_K, {256}},
                 {"q6_k", DType::kQ6_K, {256}},
                 {"bf16", DType::kBFloat16, {2, 1, 1, 2}},
                 {"none", DType::kFloat16, {0, 3}},
                 {"one", DType::kFloat64, {}}})}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const GgufFile file(fuzz::file_of(bytes));
    fuzz::read_metadata(file);
    for (const auto& tensor : file.tensors()) {
      const auto content = file.bytes(tensor);
      fuzz::check(content.size() == tensor.bytes, "a tensor has its bytes");
      fuzz::touch(content);
      if (!is_quantized(tensor.dtype)) continue;
      const DTypeBlock block = block_of(tensor.dtype);
      std::vector<float> values(content.size() / block.bytes * block.elements);
      dequantize(tensor.dtype, content, values);
    }
  });
}
