#include "formats/zip_archive.h"

#include "checkpoint_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::u16;
using test::u32;
using test::u64;
using test::zip_of;
using test::ZipPart;

const std::vector<ZipPart> kTwo = {{"a/x", "hello"}, {"a/data/0", std::string(40, '\0')}};

void refuse(const std::string& archive, const std::string& message) {
  expect_error([&] { ZipArchive zip(archive, "x.pth"); }, message);
}

/// `archive` with `bytes` in place of those at the last `mark` plus `offset`.
std::string patched(std::string archive, std::string_view mark, std::size_t offset,
                    const std::string& bytes) {
  return archive.replace(archive.rfind(mark) + offset, bytes.size(), bytes);
}

void expect_two(const std::string& archive) {
  const ZipArchive zip(archive, "x.pth");
  ASSERT_EQ(zip.entries().size(), 2u);
  ASSERT_TRUE(zip.find("a/x") && zip.find("a/data/0"));
  EXPECT_EQ(zip.content(*zip.find("a/x")), "hello");
  EXPECT_EQ(zip.find("a/x")->crc32, crc32("hello"));
  EXPECT_EQ(zip.content(*zip.find("a/data/0")), std::string(40, '\0'));
  EXPECT_FALSE(zip.find("a"));
  EXPECT_FALSE(zip.find("b"));
}

TEST(Checksum, OfTheUsualExamples) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720
  EXPECT_EQ(crc32(""), 0u);
}

TEST(Checksum, OfPartsIsCheckedOnceAndOverlapIsRefused) {
  const std::string file = "hello world";
  const ChecksummedParts parts({{0, 5, crc32("hello"), "a"}, {6, 5, 1, "b"}, {2, 0, 0, "none"}},
                               crc32, "x");
  const auto* const good = parts.find(4);
  ASSERT_TRUE(good && parts.find(6));
  EXPECT_FALSE(parts.find(5));
  EXPECT_FALSE(parts.find(11));
  parts.check(*good, file.substr(0, 5), "x");
  parts.check(*good, "HELLO", "x");  // found good before
  for (int i = 0; i < 2; ++i) {
    expect_error([&] { parts.check(*parts.find(6), "world", "x"); },
                 "x: 'b' does not have the checksum");
  }
  expect_error(
      [] {
        ChecksummedParts({{0, 5, 0, "a"}, {4, 1, 0, "b"}}, crc32, "x");
      },
      "'a' and 'b' lie on the same bytes");
}

TEST(ZipArchive, FindsStoredEntries) {
  expect_two(zip_of(kTwo));
  expect_two(zip_of(kTwo, {.comment = "a comment PK\5\6 with marks"}));
  EXPECT_EQ(ZipArchive(zip_of({}), "x").entries().size(), 0u);
}

TEST(ZipArchive, ReadsZip64AndDataDescriptors) {
  auto parts = kTwo;
  parts[0].zip64 = parts[1].descriptor = true;
  expect_two(zip_of(parts));
  expect_two(zip_of(parts, {.zip64 = true}));
  expect_two(zip_of(kTwo, {.zip64 = true, .comment = "x"}));
}

TEST(ZipArchive, RefusesEveryTruncation) {
  for (const bool zip64 : {false, true}) {
    const std::string archive = zip_of(kTwo, {.zip64 = zip64, .comment = "end"});
    for (std::size_t n = 0; n < archive.size(); ++n) refuse(archive.substr(0, n), "x.pth: ");
  }
}

TEST(ZipArchive, SurvivesEveryChangedByte) {
  auto parts = kTwo;
  parts[0].zip64 = true;
  const std::string archive = zip_of(parts, {.zip64 = true});
  for (std::size_t i = 0; i < archive.size(); ++i) {
    for (const int bits : {0x01, 0x80, 0xff}) {
      std::string changed = archive;
      changed[i] = static_cast<char>(changed[i] ^ bits);
      try {
        const ZipArchive zip(changed, "x");
        for (const auto& entry : zip.entries()) EXPECT_LE(zip.content(entry).size(), 40u);
      } catch (const Error&) {
      }
    }
  }
}

TEST(ZipArchive, RefusesWhatIsNotStoredPlainly) {
  refuse(zip_of({{.name = "a/x", .content = "?", .flags = 1}}), "the entry 'a/x' is encrypted");
  refuse(zip_of({{.name = "a/x", .content = "?", .flags = 0x40}}), "is encrypted");
  refuse(zip_of({{.name = "a/x", .content = "?", .flags = 0x2000}}), "is encrypted");
  refuse(zip_of({{.name = "a/x", .content = "?", .method = 8}}),
         "the entry 'a/x' is compressed (deflated)");
  refuse(zip_of({{.name = "a/x", .content = "?", .method = 14}}), "is compressed (method 14)");
}

TEST(ZipArchive, RefusesNamesThatLeadElsewhere) {
  for (const char* name : {"../../x", "/x", "a/../x", "..", "a/..", "a\\x"}) {
    refuse(zip_of({{name, "?"}}), "has a name that leads elsewhere");
  }
  refuse(zip_of({{std::string("a\0b", 3), "?"}}), "has a name that leads elsewhere");
  EXPECT_EQ(ZipArchive(zip_of({{"a..b/..c", "?"}}), "x").entries().size(), 1u);
}

TEST(ZipArchive, RefusesEntriesThatContradictTheirHeaders) {
  refuse(zip_of({{.name = "a/x", .content = "?", .local_name = "a/y"}}),
         "is not that of the entry 'a/x'");
  refuse(zip_of({{"a/x", "1"}, {"a/x", "2"}}), "the entry 'a/x' occurs twice");
  const std::string archive = zip_of(kTwo);
  refuse(patched(archive, "PK\1\2", 42, u32(0)), "is not that of the entry 'a/data/0'");
  refuse(patched(archive, "PK\1\2", 42, u32(5)), "has no header at byte 5");
  refuse(patched(archive, "PK\1\2", 42, u32(0xfffffffe)), "has no header at byte 4294967294");
  refuse(patched(archive, "PK\1\2", 24, u32(41)), "has 40 bytes in the file and 41 outside");
  refuse(patched(archive, "PK\1\2", 20, u32(41) + u32(41)), "would lie on 41 bytes");
  refuse(patched(archive, "PK\1\2", 24, u32(0xffffffff)), "lacks its zip64 sizes");
  refuse(patched(archive, "PK\1\2", 0, "PK\1\3"), "has no entry at byte");
  refuse(patched(archive, "PK\1\2", 28, u16(0xffff)), "goes beyond its end");
}

TEST(ZipArchive, RefusesEntriesOnTheSameBytes) {
  // The second entry's header lies inside the first one's content.
  const std::string inner = zip_of({{"a/y", "deep"}});
  const std::string part = inner.substr(0, inner.find("PK\1\2"));
  std::string archive = zip_of({{"a/x", part}, {"a/y", "deep"}});
  refuse(patched(archive, "PK\1\2", 42, u32(30 + 3 + 3)), "lie on the same bytes");
}

TEST(ZipArchive, RefusesABadCentralDirectory) {
  const std::string archive = zip_of(kTwo);
  refuse(patched(archive, "PK\5\6", 12, u32(7)), "the central directory would lie on 7 bytes");
  refuse(patched(archive, "PK\5\6", 16, u32(0xfffffff0)), "the central directory would lie on");
  refuse(patched(archive, "PK\5\6", 8, u16(3) + u16(3)), "3 entries do not fit into");
  refuse(patched(archive, "PK\5\6", 8, u16(1) + u16(1)), "holds more than its entries");
  refuse(patched(archive, "PK\5\6", 8, u16(1)), "its counts of entries differ");
  refuse(patched(archive, "PK\5\6", 4, u16(1)), "one part of a divided archive");
  refuse(archive + "x", "no end of a zip archive's central directory");
  refuse(std::string(100000, 'x'), "no end of a zip archive's central directory");

  const std::string large = zip_of(kTwo, {.zip64 = true});
  refuse(patched(large, "PK\6\7", 8, u64(0)), "the zip64 end record is not where");
  refuse(patched(large, "PK\6\7", 8, u64(~std::size_t{0})), "the zip64 end record is not where");
  refuse(patched(large, "PK\6\6", 4, u64(45)), "the zip64 end record is not where");
  refuse(patched(large, "PK\6\6", 40, u64(~std::size_t{0})), "the central directory would lie on");
  refuse(patched(large, "PK\6\6", 48, u64(~std::size_t{0})), "the central directory would lie on");
  refuse(patched(large, "PK\6\6", 16, u32(1)), "one part of a divided archive");
  refuse(patched(large, "PK\5\6", 10, u16(9)), "contradict each other");
}

TEST(ZipArchive, RefusesAMillionEntries) {
  const std::string large = zip_of(kTwo, {.zip64 = true});
  refuse(patched(large, "PK\6\6", 32, u64(1'000'000)), "it lists 1000000 entries; at most 262144");
  refuse(patched(large, "PK\6\6", 32, u64(~std::size_t{0})), "entries; at most 262144");
  refuse(patched(large, "PK\6\6", 32, u64(262'144)), "262144 entries do not fit into");
}

}  // namespace
}  // namespace gptkit
