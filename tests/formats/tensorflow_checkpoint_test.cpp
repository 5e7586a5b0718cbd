#include "formats/tensorflow_checkpoint.h"

#include "checkpoint_support.h"

namespace gptkit {
namespace {

using test::block;
using test::BlockParts;
using test::expect_error;
using test::field;
using test::item;
using test::masked;
using test::place;
using test::ScratchFolder;
using test::table;
using test::tensor;
using test::text_of;
using test::u32;
using test::u64;
using test::varint;

const fs::path kGolden = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "tensorflow_checkpoint";
constexpr const char* kIndex = "model.ckpt.index";
constexpr const char* kData = "model.ckpt.data-00000-of-00001";

struct EntryParts {
  std::uint64_t dtype = 1, shard = 0, offset = 0, bytes = 24;
  std::vector<std::int64_t> shape = {2, 3};
  std::string content = {};  // what the checksum is of
  std::string more = {};
};

std::string entry_of(const EntryParts& parts) {
  std::string shape;
  for (const std::int64_t size : parts.shape) {
    shape += field(2, field(1, static_cast<std::uint64_t>(size)));
  }
  return field(1, parts.dtype) + field(2, shape) + field(3, parts.shard) + field(4, parts.offset) +
         field(5, parts.bytes) + varint(6 << 3 | 5) + u32(masked(crc32c(parts.content))) +
         parts.more;
}

const std::string kHeader = field(1, 1) + field(3, field(1, 1));
const std::string kContent = "0123456789abcdefghijklmn";

class TensorFlowTest : public testing::Test {
 protected:
  ScratchFolder folder;
  test::MemoryFile index, data;  // what the folder's links lead to

  TensorFlowTest() {
    fs::create_symlink(index.path(), folder / kIndex);
    fs::create_symlink(data.path(), folder / kData);
  }
  void write(const std::string& new_index, const std::string& new_data = kContent) {
    index.write(new_index);
    data.write(new_data);
  }
  /// An index of a header and the tensor 'w'.
  void write(const EntryParts& parts) {
    write(table({block(item(0, "", kHeader) + item(0, "w", entry_of(parts)))}));
  }
  void refuse(const std::string& message) {
    expect_error([&] { TensorFlowCheckpoint checkpoint(folder.path()); }, message);
  }
  void refuse(const EntryParts& parts, const std::string& message) {
    write(parts);
    refuse(message);
  }
  void write_golden() { write(read_file(kGolden / kIndex), read_file(kGolden / kData)); }
};

TEST(TensorFlow, ReadsWhatTensorFlowWrites) {
  const TensorFlowCheckpoint checkpoint(kGolden);
  test::expect_golden(checkpoint, test::golden_json(kGolden));
  EXPECT_EQ(checkpoint.path(), kGolden / kIndex);
  EXPECT_EQ(checkpoint.tensors().front().name, "global_step");
}

TEST_F(TensorFlowTest, ReadsAHandMadeOne) {
  write(EntryParts{.content = kContent});
  const TensorFlowCheckpoint checkpoint(folder.path());
  ASSERT_EQ(checkpoint.tensors().size(), 1u);
  EXPECT_EQ(checkpoint.tensors()[0].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(text_of(checkpoint.bytes(checkpoint.tensors()[0])), kContent);
}

TEST_F(TensorFlowTest, ReadsSeveralDataFiles) {
  const std::string content = "abcd";
  const auto entry = [&](std::uint64_t shard) {
    return entry_of({.shard = shard, .bytes = 4, .shape = {1}, .content = content});
  };
  const std::string header = field(1, 4) + field(3, field(1, 1));
  index.write(table({block(item(0, "", header) + item(0, "model/a", entry(0))),
                     block(item(0, "model/b", entry(3)) + item(6, "c", entry(1)))}));
  for (const auto& [shard, bytes] : {std::pair(0, content + "pad"), std::pair(1, content),
                                     std::pair(2, std::string()), std::pair(3, content)}) {
    test::write_file(folder / concat("model.ckpt.data-0000", shard, "-of-00004"), bytes);
  }
  const TensorFlowCheckpoint checkpoint(folder.path());
  ASSERT_EQ(checkpoint.tensors().size(), 3u);
  EXPECT_EQ(tensor(checkpoint, "model/a").offset, 0u);
  EXPECT_EQ(tensor(checkpoint, "model/c").offset, 7u);
  EXPECT_EQ(tensor(checkpoint, "model/b").offset, 11u);
  for (const auto& info : checkpoint.tensors()) {
    EXPECT_EQ(text_of(checkpoint.bytes(info)), content);
  }
  fs::remove(folder / "model.ckpt.data-00002-of-00004");
  refuse("model.ckpt.data-00002-of-00004");
}

TEST_F(TensorFlowTest, TheFileCheckpointNamesThePrefix) {
  write_golden();
  EXPECT_GT(TensorFlowCheckpoint(folder.path()).tensors().size(), 20u);

  fs::rename(folder / kIndex, folder / "m-7.index");
  fs::rename(folder / kData, folder / "m-7.data-00000-of-00001");
  refuse("cannot read");
  for (const char* text :
       {"model_checkpoint_path: \"m-7\"\n", "x: 1\nmodel_checkpoint_path: \"m-7\"",
        "model_checkpoint_path: \"/long/gone/m-7\"\nall_model_checkpoint_paths: \"z\"\n"}) {
    test::write_file(folder / "checkpoint", text);
    EXPECT_GT(TensorFlowCheckpoint(folder.path()).tensors().size(), 20u);
  }
  for (const char* text :
       {"", "model_checkpoint_path: m-7", "model_checkpoint_path: \"", "\"m-7\""}) {
    test::write_file(folder / "checkpoint", text);
    refuse("expected a line model_checkpoint_path: \"NAME\"");
  }
  for (const char* text : {"x/..", "a/", "a\\b", "."}) {
    test::write_file(folder / "checkpoint", concat("model_checkpoint_path: \"", text, "\"\n"));
    refuse("is not a valid name in a checkpoint");
  }
}

TEST_F(TensorFlowTest, RefusesEveryTruncation) {
  write_golden();
  const std::string whole_index = read_file(kGolden / kIndex);
  const std::string whole_data = read_file(kGolden / kData);
  for (std::size_t n = 0; n < whole_index.size(); ++n) {
    index.write(std::string_view(whole_index).substr(0, n));
    refuse("model.ckpt.index: ");
  }
  index.write(whole_index);
  for (std::size_t n = 0; n < whole_data.size(); n += 61) {
    data.write(std::string_view(whole_data).substr(0, n));
    refuse("; it may be incomplete");
  }
}

TEST_F(TensorFlowTest, AChangedByteIsNoticedOrWithoutEffect) {
  write_golden();
  const Json expected = test::golden_json(kGolden);
  const std::string whole_index = read_file(kGolden / kIndex);
  const std::string whole_data = read_file(kGolden / kData);
  for (std::size_t i = 0; i < whole_index.size(); ++i) {
    std::string changed = whole_index;
    changed[i] = static_cast<char>(changed[i] ^ 0x02);
    index.write(changed);
    try {
      test::expect_golden(TensorFlowCheckpoint(folder.path()), expected);
    } catch (const Error&) {
    }
  }
  index.write(whole_index);
  for (std::size_t i = 0; i < whole_data.size(); i += 7) {
    std::string changed = whole_data;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    data.write(changed);
    const TensorFlowCheckpoint checkpoint(folder.path());
    std::size_t refused = 0;
    for (const auto& info : checkpoint.tensors()) {
      try {
        checkpoint.bytes(info);
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("does not have the checksum"));
        ++refused;
      }
    }
    EXPECT_EQ(refused, 1u);
  }
}

TEST_F(TensorFlowTest, RefusesDamagedBlocks) {
  const std::string entries = item(0, "", kHeader) + item(0, "w", entry_of({}));
  const auto with = [&](const BlockParts& parts, const std::string& message) {
    write(table({block(entries, parts)}));
    refuse(message);
  };
  with({.spoil = 1}, "does not have its checksum");
  with({.compression = 1}, "is compressed (snappy)");
  with({.compression = 4}, "is compressed, which TensorFlow does not do");
  with({.restarts = 0xffffffff}, "lists 4294967295 restart points, more than it has room for");
  write(table({block(entries)}, {.spoil = 1}));
  refuse("its index block does not have its checksum");

  std::string other = table({block(entries)});
  other.back() = 'x';
  write(other);
  refuse("it does not end as an index of TensorFlow does");
  other = table({block(entries)});
  other.replace(other.size() - 48, 20,
                varint(0) + varint(0) + varint(~std::uint64_t{0}) + std::string(8, '\1'));
  write(other);
  refuse("its index block would lie on 1 bytes from 18446744073709551615 on");
}

TEST_F(TensorFlowTest, RefusesBlocksThatAreNotInOrder) {
  const std::string first = block(item(0, "", kHeader) + item(0, "w", entry_of({})));
  const std::string places =
      block(item(0, "a", place(0, first.size())) + item(0, "b", place(0, first.size())));
  std::string footer = place(0, first.size()) + place(first.size(), places.size());
  footer.resize(40, '\0');
  write(first + places + footer + u64(0xdb4775248b80fb57));
  refuse("its blocks overlap");

  const std::string w = entry_of({}), header = item(0, "", kHeader);
  write(table({block(header + item(0, "w", w) + item(0, "w", w))}));
  refuse("is not sorted by name");
  write(table({block(header + item(0, "w", w)), block(item(0, "v", w))}));
  refuse("its names are not sorted");
  write(table({block(header + item(0, "w", w)), block(item(0, "", kHeader))}));
  refuse("its names are not sorted");
  write(table({block(item(0, "w", w))}));
  refuse("its first entry is not a header");
  write(table({}));
  refuse("it lists no tensors");
  write(table({block(header)}));
  refuse("it lists no tensors");
}

TEST_F(TensorFlowTest, RefusesDamagedEntriesOfBlocks) {
  const auto with = [&](const std::string& entries, const std::string& message) {
    write(table({block(item(0, "", kHeader) + entries)}));
    refuse(message);
  };
  with(item(1, "w", ""), "is damaged: what it holds does not fit into it");
  with(varint(0) + varint(9) + varint(0) + "w", "is damaged");
  with(varint(0) + varint(1) + varint(~std::uint64_t{0}) + "w", "is damaged");
  with(varint(0) + varint(~std::uint64_t{0}) + varint(0) + "w", "a name of more than 512 bytes");
  with(item(0, std::string(513, 'w'), ""), "a name of more than 512 bytes");
  with(std::string(12, '\xff'), "is damaged");
}

TEST_F(TensorFlowTest, RefusesDamagedHeaders) {
  const auto with = [&](const std::string& header, const std::string& message) {
    write(table({block(item(0, "", header) + item(0, "w", entry_of({})))}));
    refuse(message);
  };
  with("", "it counts 0 data files; expected 1 to 99999");
  with(field(1, 100000), "it counts 100000 data files");
  with(field(1, ~std::uint64_t{0}), "data files; expected 1 to 99999");
  with(field(1, 1) + field(2, 1), "its numbers are big-endian");
  with(field(1, 1) + field(3, field(2, 2)), "it is of version 2; expected 1");
  with("\x0b", "is damaged");
  with("\x08", "is damaged");
  with(field(1, "text"), "is damaged");
  with(field(1, 50000), "data-00000-of-50000");
}

TEST_F(TensorFlowTest, RefusesTensorsThatDoNotFit) {
  refuse({.bytes = 23}, "tensor 'w' lies on 23 bytes, but its shape and dtype need 24");
  refuse({.offset = 1}, "tensor 'w' lies on 24 bytes from 1 on, but the data file has 24");
  refuse({.offset = ~std::uint64_t{0}}, "on, but the data file has 24");
  refuse({.shard = 1}, "tensor 'w' lies in data file 1 of 1");
  refuse({.shape = {-1, 3}}, "has a dimension of -1");
  refuse({.shape = {std::int64_t{1} << 62, 3}}, "has a shape whose size overflows 64 bits");
  refuse({.shape = std::vector<std::int64_t>(65, 1)}, "has more than 64 dimensions");
  refuse({.dtype = 7}, "tensor 'w' holds texts; only numbers are read");
  refuse({.dtype = 8}, "tensor 'w' has TensorFlow's dtype 8; only numbers are read");
  refuse({.dtype = 0}, "tensor 'w' has TensorFlow's dtype 0");
  refuse({.more = field(7, "")}, "tensor 'w' was saved in slices");
  refuse({.more = field(2, field(3, 1))}, "tensor 'w' has no shape");
  refuse({.more = "\x3a\x7f"}, "tensor 'w' is damaged");
  const std::string w = entry_of({});
  write(table({block(item(0, "", kHeader) + item(0, "v", w) + item(0, "w", w))}));
  refuse("'v' and 'w' lie on the same bytes");
}

TEST_F(TensorFlowTest, RefusesMoreTensorsThanAnyModelHas) {
  std::string entries = item(0, "", kHeader);
  const std::string entry = entry_of({.bytes = 0, .shape = {0}});
  for (std::size_t i = 0; i <= (1 << 16); ++i) {
    std::string key = {static_cast<char>(i >> 16), static_cast<char>(i >> 8), static_cast<char>(i)};
    entries += item(0, 'k' + key, entry);
  }
  write(table({block(entries)}));
  refuse("more than 65536 tensors");
}

}  // namespace
}  // namespace gptkit
