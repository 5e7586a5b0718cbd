// formats/torch_checkpoint, formats/zip_archive and formats/pickle: a file that opens has every
// tensor within it. What is no zip archive and has no magic number becomes the pickle of one, with
// checksums that are right: else no damaged pickle would be read.

#include <array>

#include "base/files.h"
#include "formats/raw_checkpoints.h"
#include "formats/torch_checkpoint.h"
#include "formats/zip_archive.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

using test::zip_of;

const fs::path kGolden = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "torch_checkpoints";
constexpr std::string_view kOldMagic = "\x80\2\x8a\x0a";

/// The pickle of a zip archive.
std::string pickle_of(const fs::path& path) {
  const std::string file = read_file(path);
  const ZipArchive archive(file, path.string());
  for (const auto& entry : archive.entries()) {
    if (entry.name.ends_with("/data.pkl")) return std::string(archive.content(entry));
  }
  return {};
}

std::string wrapped(std::string_view pickle) {
  std::vector<test::ZipPart> parts = {{"x/data.pkl", std::string(pickle)}};
  for (int key = 0; key < 4; ++key) {
    parts.push_back({concat("x/data/", key), std::string(24, static_cast<char>(key))});
  }
  return zip_of(parts);
}

/// Each tensor lies within its bytes, whatever its strides.
void check_strides(const TensorInfo& tensor) {
  if (tensor.strides.empty()) return;
  check(tensor.strides.size() == tensor.shape.size(), "each dimension has a stride");
  std::uint64_t last = 0;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    check(tensor.shape[i] > 0 && tensor.strides[i] >= 0, "strides are for tensors with elements");
    last += static_cast<std::uint64_t>(tensor.shape[i] - 1) *
            static_cast<std::uint64_t>(tensor.strides[i]);
  }
  check((last + 1) * block_of(tensor.dtype).bytes == tensor.bytes, "the bytes end with the tensor");
}

}  // namespace

Corpus corpus() {
  Corpus corpus;
  for (const char* name : {"state-dict-member.pth", "book-old.pth", "everything-old.pth"}) {
    corpus.seeds.push_back(read_file(kGolden / name));
  }
  for (const char* name : {"everything.pth", "everything-protocol-4.pth", "book.pth"}) {
    corpus.seeds.push_back(pickle_of(kGolden / name));
  }
  corpus.seeds.push_back(zip_of({{.name = "x/data.pkl", .content = "}.", .zip64 = true},
                                 {.name = "x/data/0", .content = "0123", .descriptor = true}},
                                {.zip64 = true, .comment = "comment"}));
  return corpus;
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const bool whole = ZipArchive::looks_like_one(bytes) || bytes.starts_with(fuzz::kOldMagic);
    const TorchCheckpoint file(fuzz::file_of(whole ? bytes : fuzz::wrapped(bytes)));
    for (const auto& tensor : file.tensors()) {
      fuzz::check_strides(tensor);
      const auto content = file.bytes(tensor);
      fuzz::check(content.size() == tensor.bytes, "a tensor has its bytes");
      fuzz::touch(content);
    }
  });
}
