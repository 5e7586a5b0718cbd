// formats/safetensors: a file that opens has every tensor within it.

#include "formats/safetensors.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

std::string file(const std::vector<TensorSpec>& specs,
                 const std::map<std::string, std::string>& metadata) {
  return written("m.safetensors", [&](const fs::path& folder) {
    SafetensorsWriter writer(folder / "m.safetensors", specs, metadata);
    for (const auto& spec : specs) {
      writer.write(spec.name, std::vector<std::byte>(tensor_bytes(spec.dtype, spec.shape, "")));
    }
    writer.commit();
  });
}

}  // namespace

Corpus corpus() {
  return {{file({}, {}), file({{"a", DType::kFloat32, {2, 3}}}, {{"format", "pt"}}),
           file({{"wte.weight", DType::kBFloat16, {5, 4}},
                 {"h.0.ln.bias", DType::kFloat16, {7}},
                 {"mask", DType::kBool, {1, 1, 3, 3}},
                 {"step", DType::kInt64, {}},
                 {"empty", DType::kUInt8, {0, 9}}},
                {{"format", "pt"}, {"note", "\"quoted\" \\ text"}})}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const SafetensorsFile file(fuzz::file_of(bytes));
    for (const auto& tensor : file.tensors()) fuzz::touch(file.bytes(tensor));
    for (const auto& [key, value] : file.metadata()) fuzz::touch(key + value);
  });
}
