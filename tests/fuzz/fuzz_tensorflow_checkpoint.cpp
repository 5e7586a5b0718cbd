// formats/tensorflow_checkpoint: a checkpoint that opens has every tensor within its data. An input
// without the magic number of an index becomes the entries of a block, with a checksum that is
// right: else no damaged entry would be read. The data file is always the same.

#include <stdlib.h>

#include "base/files.h"
#include "base/remove_tree.h"
#include "formats/raw_checkpoints.h"
#include "formats/tensorflow_checkpoint.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

const fs::path kGolden = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "tensorflow_checkpoint";
constexpr std::string_view kMagic = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
constexpr std::size_t kFooterBytes = 48;

/// A folder whose index is the file in memory; removed in the end.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "gptkit-fuzz-XXXXXX").string();
    check(::mkdtemp(pattern.data()) != nullptr, "a folder can be made");
    path_ = pattern;
    fs::create_symlink(file_of(""), path_ / "model.ckpt.index");
    constexpr const char* kData = "model.ckpt.data-00000-of-00001";
    fs::copy_file(kGolden / kData, path_ / kData);
  }
  ~Folder() { try_remove_tree(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The entries of an index with one block: what comes before its restart point and checks.
std::string entries_of(const std::string& index) {
  const std::string facts = test::block("");
  const std::size_t end = index.find(facts);
  check(end != std::string::npos && end > 13, "the index has one block");
  return index.substr(0, end - 13);
}

}  // namespace

Corpus corpus() {
  const std::string index = read_file(kGolden / "model.ckpt.index");
  const std::string header = test::item(0, "", test::field(1, 1));
  return {{index, entries_of(index), header,
           header + test::item(0, "w", test::field(1, 1) + test::field(5, 4)),
           test::table({test::block(header)})}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  static const fuzz::Folder folder;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const bool whole = bytes.size() >= fuzz::kFooterBytes && bytes.ends_with(fuzz::kMagic);
    fuzz::file_of(whole ? bytes : test::table({test::block(std::string(bytes))}));
    const TensorFlowCheckpoint checkpoint(folder.path());
    for (const auto& tensor : checkpoint.tensors()) {
      try {
        const auto content = checkpoint.bytes(tensor);
        fuzz::check(content.size() == tensor.bytes, "a tensor has its bytes");
        fuzz::touch(content);
      } catch (const Error&) {  // another checksum: the next tensor may be fine
      }
    }
  });
}
