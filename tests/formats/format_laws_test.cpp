// The law of every format that is written: what was written is read.

#include <algorithm>
#include <map>

#include "base/dtype.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/safetensors.h"
#include "support/laws.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

struct Tensor {
  TensorSpec spec;
  std::string content;
};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Tensors of small shapes with different names.
std::vector<Tensor> some_tensors(const std::vector<DType>& dtypes, int least_size) {
  const auto names =
      *rc::gen::unique<std::vector<std::string>>(rc::gen::nonEmpty(rc::gen::string<std::string>()));
  std::vector<Tensor> tensors;
  for (const auto& raw : names) {
    std::string name;  // of letters, as long as the raw one at most
    for (const char c : raw) name += static_cast<char>('a' + (static_cast<unsigned char>(c) % 26));
    name = std::to_string(tensors.size()) + name.substr(0, 40);
    const auto dtype = *rc::gen::elementOf(dtypes);
    auto shape = *rc::gen::resize(3, rc::gen::container<std::vector<std::int64_t>>(
                                         rc::gen::inRange<std::int64_t>(least_size, 4)));
    const auto block = static_cast<std::int64_t>(block_of(dtype).elements);
    if (block > 1) shape.push_back(block);
    const auto bytes = tensor_bytes(dtype, shape, name);
    const auto content = *rc::gen::container<std::string>(bytes, rc::gen::arbitrary<char>());
    tensors.push_back({{name, dtype, shape}, content});
  }
  return tensors;
}

std::vector<TensorSpec> specs_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorSpec> specs;
  for (const auto& tensor : tensors) specs.push_back(tensor.spec);
  return specs;
}

void require_read(const WeightFile& file, const std::vector<Tensor>& tensors) {
  RC_ASSERT(file.tensors().size() == tensors.size());
  for (const auto& info : file.tensors()) {
    const auto written = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& tensor) {
      return tensor.spec.name == info.name;
    });
    RC_ASSERT(written != tensors.end());
    RC_ASSERT(info.dtype == written->spec.dtype);
    RC_ASSERT(info.shape == written->spec.shape);
    RC_ASSERT(text_of(file.bytes(info)) == written->content);
  }
}

RC_GTEST_PROP(FormatLaws, SafetensorsReadsWhatWasWritten, ()) {
  const auto tensors =
      some_tensors({DType::kFloat64, DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                    DType::kInt64, DType::kInt32, DType::kInt16, DType::kInt8, DType::kUInt8},
                   /*least_size=*/0);
  const std::map<std::string, std::string> metadata = {{"note", *utf8_text()}};
  const ScratchFolder folder;
  SafetensorsWriter writer(folder / "m.safetensors", specs_of(tensors), metadata);
  for (const auto& tensor : tensors) writer.write(tensor.spec.name, bytes_of(tensor.content));
  writer.commit();

  const SafetensorsFile file(folder / "m.safetensors");
  require_read(file, tensors);
  RC_ASSERT(file.metadata() == metadata);
}

/// Metadata of every kind that the format has.
std::vector<GgufField> some_fields() {
  return {{"general.name", *utf8_text()},
          {"a.u32", *rc::gen::arbitrary<std::uint32_t>()},
          {"a.i64", *rc::gen::arbitrary<std::int64_t>()},
          {"a.f32", static_cast<float>(*rc::gen::inRange(-1000, 1000)) / 8},
          {"a.f64", static_cast<double>(*rc::gen::inRange(-1000, 1000)) / 3},
          {"a.bool", *rc::gen::arbitrary<bool>()},
          {"a.texts", *rc::gen::container<std::vector<std::string>>(utf8_text())},
          {"a.numbers", *rc::gen::arbitrary<std::vector<std::int32_t>>()},
          {"a.flags", *rc::gen::arbitrary<std::vector<bool>>()}};
}

RC_GTEST_PROP(FormatLaws, GgufReadsWhatWasWritten, ()) {
  const auto tensors = some_tensors({DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                                     DType::kQ8_0, DType::kQ4_0, DType::kQ6_K},
                                    /*least_size=*/1);
  const auto fields = some_fields();
  const ScratchFolder folder;
  GgufWriter writer(folder / "m.gguf", fields, specs_of(tensors));
  for (const auto& tensor : tensors) writer.write(tensor.spec.name, bytes_of(tensor.content));
  writer.commit();

  const GgufFile file(folder / "m.gguf");
  require_read(file, tensors);
  RC_ASSERT(file.entries().size() == fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    RC_ASSERT(file.entries()[i].key == fields[i].key);
    RC_ASSERT(file.value(file.entries()[i]) == fields[i].value);
  }
}

}  // namespace
}  // namespace gptkit::test
