// Files that must be refused: the faults of llama.cpp's tests, and others.

#include <random>

#include "formats/gguf_files.h"

namespace gptkit {
namespace {

using namespace test;

TEST_F(GgufTest, FaultsOfTheHeaderAreRefused) {
  auto made = HandMade();
  made.magic = "FUGG";
  expect_refused(made, "does not begin with 'GGUF'");
  made = HandMade();
  made.version = 1;
  expect_refused(made, "is GGUF version 1; supported are 2 and 3. A current llama.cpp");
  for (const std::uint32_t version : {0u, 4u, 100u, 0xFFFFFFFFu}) {
    made.version = version;
    expect_refused(made, concat("is GGUF version ", version, "; supported are 2 and 3"));
  }
  made.version = 0x03000000;
  expect_refused(made, "is a big-endian GGUF file");
  made = HandMade();
  made.n_tensors = kHuge;
  expect_refused(made, "claims 18446744073709551615 tensors; at most");
  made.n_tensors = 1 << 19;
  expect_refused(made, "claims 524288 tensors, but the rest of it can hold 0");
  made = HandMade();
  made.n_entries = kHuge;
  expect_refused(made, "claims 18446744073709551615 metadata entries; at most");
  made.n_entries = 65536;
  expect_refused(made, "claims 65536 metadata entries, but the rest of it can hold 0");
}

TEST_F(GgufTest, FaultsOfKeysAreRefused) {
  auto made = HandMade().entry("", kUInt32, raw(std::uint32_t{1}));
  expect_refused(made, "a metadata key is empty");
  made = HandMade();
  made.entries = raw(kHuge) + "my_key" + raw(kUInt32) + raw(kUInt32);
  made.n_entries = 1;
  expect_refused(made, "a metadata key at byte 32 needs 18446744073709551615 bytes");
  made = HandMade().entry(std::string(65536, 'k'), kUInt8, "\1");
  expect_refused(made, "a metadata key has 65536 bytes; at most 65535 are accepted");
  made = HandMade().entry(std::string(65535, 'k'), kUInt8, "\1");
  EXPECT_EQ(open(made).entries().size(), 1u);
  made =
      HandMade().entry("twice", kUInt8, "\1").entry("x", kUInt8, "\1").entry("twice", kBool, "\1");
  expect_refused(made, "metadata 'twice' occurs twice");
}

TEST_F(GgufTest, FaultsOfValuesAreRefused) {
  const auto array = [](std::uint32_t type, std::uint64_t n) { return raw(type) + raw(n); };
  const std::string more(64, '\0');
  expect_refused(HandMade().entry("k", 13, more), "metadata 'k' has the type 13; expected 0 to 12");
  expect_refused(HandMade().entry("k", 0xFFFFFFFF, more), "has the type 4294967295");
  expect_refused(HandMade().entry("k", kArray, array(13, 1) + more), "has the type 13");
  expect_refused(HandMade().entry("k", kArray, array(kArray, 1) + array(kUInt8, 1) + more),
                 "metadata 'k' is an array of arrays");
  expect_refused(HandMade().entry("k", kArray, array(kArray, 0)), "is an array of arrays");
  expect_refused(HandMade().entry("k", kString, raw(kHuge) + more), "needs 18446744073709551615");
  expect_refused(HandMade().entry("k", kString, raw(std::uint64_t{1} << 33) + more),
                 "the download may be incomplete");
  for (const auto type : {kUInt8, kUInt32, kString, kUInt64, kBool}) {
    expect_refused(HandMade().entry("k", kArray, array(type, (1u << 30) + 1) + more),
                   "has 1073741825 elements; at most 1073741824");
    expect_refused(HandMade().entry("k", kArray, array(type, kHuge) + more), "elements; at most");
    // 2^61 elements of 8 bytes are 0 bytes modulo 2^64.
    expect_refused(HandMade().entry("k", kArray, array(type, std::uint64_t{1} << 61) + more),
                   "elements; at most");
    expect_refused(HandMade().entry("k", kArray, array(type, 1u << 30) + more),
                   "would have 1073741824 elements, but the file only");
  }
  expect_refused(HandMade().entry("k", kArray, array(kString, 2) + text("a") + raw(kHuge) + more),
                 "a metadata string at byte");
  expect_refused(HandMade().entry("k", kBool, "\2"), "metadata 'k' holds a bool of 2; expected 0");
  expect_refused(HandMade().entry("k", kArray, array(kBool, 3) + std::string("\0\1\xFF", 3)),
                 "holds a bool of 255");
}

TEST_F(GgufTest, FaultsOfTheAlignmentAreRefused) {
  const auto aligned = [](std::uint32_t alignment) {
    auto made = HandMade().entry("general.alignment", kUInt32, raw(alignment));
    made.tensor("t", {4}, 24, 0).bytes(4);
    made.alignment = alignment;
    return made;
  };
  for (const std::uint32_t bad : {0u, 3u, 13u, 33u, 0xFFFFFFFFu}) {
    auto made = aligned(bad);
    made.alignment = 32;
    expect_refused(made, concat("general.alignment is ", bad, "; expected a power of two"));
  }
  for (const std::uint32_t good : {1u, 8u, 64u, 4096u}) {
    const auto file = open(aligned(good));
    EXPECT_EQ(file.alignment(), good);
    EXPECT_EQ(text_of(file.bytes(file.tensors()[0])), std::string("\0\1\2\3", 4)) << good;
  }
  expect_refused(HandMade().entry("general.alignment", kInt32, raw(std::int32_t{32})),
                 "general.alignment has the type int32; expected uint32");
  expect_refused(HandMade().entry("general.alignment", kUInt64, raw(std::uint64_t{32})),
                 "has the type uint64");
  expect_refused(HandMade().entry("general.alignment", kArray,
                                  raw(kUInt32) + raw(std::uint64_t{1}) + raw(std::uint32_t{32})),
                 "has the type array");
  auto made = aligned(1);
  made.entries = text("general.alignment") + raw(kUInt32) + raw(0x80000000u);
  expect_refused(made, "its data would begin at byte 2147483648, but the file has");
}

TEST_F(GgufTest, FaultsOfTensorsAreRefused) {
  expect_refused(HandMade().tensor("", {4}, 24, 0).bytes(4), "a tensor's name is empty");
  expect_refused(HandMade().tensor(std::string(256, 'n'), {4}, 24, 0).bytes(4),
                 "a tensor's name has 256 bytes; at most 255 are accepted");
  EXPECT_EQ(open(HandMade().tensor(std::string(255, 'n'), {4}, 24, 0).bytes(4)).tensors().size(),
            1u);
  auto made = HandMade();
  made.tensors = raw(kHuge) + std::string(40, 'n');
  made.n_tensors = 1;
  expect_refused(made, "a tensor's name at byte 32 needs");
  expect_refused(HandMade().tensor("t", {1, 1, 1, 1, 1}, 24, 0).bytes(4),
                 "tensor 't' has 5 dimensions; at most 4 are accepted");
  made = HandMade();
  made.tensors = text("t") + raw(0xFFFFFFFFu) + std::string(64, '\0');
  made.n_tensors = 1;
  expect_refused(made, "has 4294967295 dimensions");
  expect_refused(HandMade().tensor("t", {-1}, 24, 0).bytes(4),
                 "tensor 't' has a dimension of 18446744073709551615");
  const std::int64_t big = 4 * std::int64_t{0x7FFFFFFF};
  expect_refused(HandMade().tensor("t", {big, big}, 24, 0).bytes(4), "overflows 64 bits");
  const std::int64_t root = std::int64_t{1} << 31;
  expect_refused(HandMade().tensor("t", {root, root}, 27, 0).bytes(4), "overflows 64 bits");
  expect_refused(HandMade().tensor("t", {root, root, 4, 0}, 0, 0).bytes(4), "overflows 64 bits");
  expect_refused(HandMade().tensor("t", {31}, 8, 0).bytes(34),
                 "tensor 't' has rows of 31 elements; q8_0 needs a multiple of 32");
  expect_refused(HandMade().tensor("t", {16, 2}, 2, 0).bytes(34), "has rows of 16 elements");
  expect_refused(HandMade().tensor("t", {128, 2}, 12, 0).bytes(144), "multiple of 256");
  expect_refused(HandMade().tensor("t", {}, 8, 0).bytes(34), "has rows of 1 elements");
  expect_refused(HandMade().tensor("t", {4}, 24, 0).tensor("t", {4}, 24, 32).bytes(36),
                 "tensor 't' occurs twice");
}

TEST_F(GgufTest, FaultsOfOffsetsAreRefused) {
  const auto at = [](std::uint64_t second) {
    return HandMade().tensor("a", {40}, 24, 0).tensor("b", {4}, 24, second).bytes(132);
  };
  EXPECT_EQ(open(at(64)).tensors().size(), 2u);
  expect_refused(at(40), "tensor 'b' begins at byte 40 of the data, which is not a multiple of 32");
  expect_refused(at(32),
                 "tensor 'b' begins at byte 32 of the data; expected 64, where the one "
                 "before it ends; they overlap");
  expect_refused(at(0), "they overlap");
  expect_refused(at(96), "there is a hole");
  expect_refused(at(kHuge), "is not a multiple of 32");
  expect_refused(at(kHuge - 31), "there is a hole");
  expect_refused(HandMade().tensor("a", {4}, 24, 64).bytes(100), "there is a hole");
  // The tensors lie as if the alignment were 1.
  expect_refused(HandMade().tensor("a", {40}, 24, 0).tensor("b", {4}, 24, 40).bytes(44),
                 "is not a multiple of 32");
}

TEST_F(GgufTest, MissingDataIsRefused) {
  expect_refused(HandMade().tensor("t", {40}, 24, 0).bytes(39),
                 "tensor 't' needs 40 bytes from byte 0 of the data on, but the file holds 39 data "
                 "bytes; the download may be incomplete");
  const std::int64_t most = 0x7FFFFFFFFFFFFFC0;
  expect_refused(HandMade()
                     .tensor("a", {most}, 24, 0)
                     .tensor("b", {most}, 24, static_cast<std::uint64_t>(most))
                     .bytes(32),
                 "needs 9223372036854775744 bytes");
  auto made = HandMade().tensor("t", {40}, 24, 0);
  made.alignment = 1;
  expect_refused(made, "its data would begin at byte 64, but the file has");
}

TEST_F(GgufTest, EveryTruncationIsRefused) {
  auto made = with_metadata();
  made.tensor("a", {3, 2}, 0, 0).tensor("b", {32, 2}, 8, 32).bytes(32 + 68);
  const std::string whole = made.file();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(open(whole.substr(0, n)), Error) << n;
  }
  EXPECT_EQ(open(whole).tensors().size(), 2u);
  EXPECT_EQ(open(whole + std::string(28, '\0')).tensors().size(), 2u) << "the last padding";
}

TEST_F(GgufTest, DamagedFilesNeverDoWorseThanAnError) {
  auto made = with_metadata();
  made.tensor("a", {3, 2}, 0, 0).tensor("b", {32, 2}, 8, 32).bytes(32 + 68);
  const std::string whole = made.file();
  std::mt19937 random(1);
  for (int round = 0; round < 1000; ++round) {
    std::string damaged = whole;
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      damaged[random() % whole.size()] = static_cast<char>(random());
    }
    try {
      const GgufFile file = open(damaged);
      for (const auto& entry : file.entries()) file.shown(entry), file.value(entry);
      for (const auto& tensor : file.tensors()) text_of(file.bytes(tensor));
    } catch (const Error&) {
    }
  }
}

}  // namespace
}  // namespace gptkit
