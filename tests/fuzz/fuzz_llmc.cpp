// formats/llmc: a file that opens has every tensor within it, in the order of their bytes.

#include "formats/llmc.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

std::string file(const LlmcShape& shape, DType dtype) {
  return written("m.bin", [&](const fs::path& folder) {
    LlmcWriter writer(folder / "m.bin", shape, dtype);
    for (const auto& tensor : writer.tensors()) {
      writer.write(tensor.name, std::vector<std::byte>(tensor.bytes));
    }
    writer.commit();
  });
}

}  // namespace

Corpus corpus() {
  return {{file({1, 1, 1, 1, 1, 1}, DType::kBFloat16), file({3, 5, 2, 2, 4, 8}, DType::kFloat32)}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const LlmcFile file(fuzz::file_of(bytes));
    std::uint64_t end = 0;
    for (const auto& tensor : file.tensors()) {
      fuzz::check(tensor.offset >= end, "tensors follow each other");
      end = tensor.offset + tensor.bytes;
      fuzz::touch(file.bytes(tensor));
    }
    fuzz::check(end == bytes.size(), "the last tensor ends with the file");
  });
}
