#include "formats/torch_checkpoint.h"

#include <atomic>
#include <thread>

#include "checkpoint_support.h"

namespace gptkit {
namespace {

using test::dense;
using test::expect_error;
using test::tensor;
using test::text_of;
using test::u32;
using test::u64;
using test::zip_of;
using test::ZipPart;

const fs::path kGolden = fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "torch_checkpoints";

std::string text(std::string_view content) {
  return 'X' + u32(content.size()) + std::string(content);
}
std::string number(std::int64_t value) { return "\x8a\10" + test::raw(value); }
std::string tuple(std::initializer_list<std::int64_t> values) {
  std::string all = "(";
  for (const std::int64_t value : values) all += number(value);
  return all + "t";
}
std::string global(std::string_view module, std::string_view name) {
  return concat("c", module, "\n", name, "\n");
}

/// The parts of a tensor's pickle.
struct TensorParts {
  std::string storage_class = global("torch", "FloatStorage");
  std::string key = "0";
  std::int64_t elements = 6;
  std::int64_t offset = 0;
  std::string shape = tuple({2, 3});
  std::string strides = tuple({3, 1});
  std::string dtype = {};         // of _rebuild_tensor_v3
  std::string storage_more = {};  // behind the count of elements
};

std::string pickled(const TensorParts& parts) {
  const char* const function = parts.dtype.empty() ? "_rebuild_tensor_v2" : "_rebuild_tensor_v3";
  return global("torch._utils", function) + "((" + text("storage") + parts.storage_class +
         text(parts.key) + text("cuda:0") + number(parts.elements) + parts.storage_more + "tQ" +
         number(parts.offset) + parts.shape + parts.strides + "\x89" +
         global("collections", "OrderedDict") + ")R" + parts.dtype + "tR";
}

std::string dict_of(const std::string& items) { return "\x80\2}(" + items + "u."; }

/// Six float32: 0 to 5.
std::string six() {
  std::string bytes;
  for (int i = 0; i < 6; ++i) bytes += test::raw(static_cast<float>(i));
  return bytes;
}

class TorchCheckpointTest : public testing::Test {
 protected:
  test::MemoryFile file;
  const fs::path path = file.path();

  void write(std::string_view content) { file.write(content); }
  void write_zip(const std::string& pickle, std::vector<ZipPart> more = {{"x/data/0", six()}}) {
    more.insert(more.begin(), {"x/data.pkl", pickle});
    write(zip_of(more));
  }
  void refuse(const std::string& message) {
    expect_error([&] { TorchCheckpoint checkpoint(path); }, message);
  }
  /// One tensor 'w' over the storage six().
  void refuse(const TensorParts& parts, const std::string& message) {
    write_zip(dict_of(text("w") + pickled(parts)));
    refuse(message);
  }
};

TEST(TorchCheckpoint, ReadsWhatPyTorchWrites) {
  const Json expected = test::golden_json(kGolden);
  EXPECT_GE(expected.size(), 7u);
  for (const auto& [name, tensors] : expected.items()) {
    SCOPED_TRACE(name);
    test::expect_golden(TorchCheckpoint(kGolden / name), tensors);
  }
}

TEST(TorchCheckpoint, KeepsTheOrderAndTheStridesOfViews) {
  const TorchCheckpoint checkpoint(kGolden / "everything.pth");
  EXPECT_EQ(checkpoint.tensors().front().name, "float64");
  EXPECT_EQ(checkpoint.tensors().back().name, "a name: ü \"quoted\"");
  EXPECT_THAT(tensor(checkpoint, "base").strides, testing::IsEmpty());
  EXPECT_THAT(tensor(checkpoint, "transposed").strides, testing::ElementsAre(1, 6));
  EXPECT_THAT(tensor(checkpoint, "sliced").strides, testing::ElementsAre(6, 2));
  EXPECT_EQ(tensor(checkpoint, "sliced").bytes, (6u + 4u + 1u) * 4u);
  EXPECT_EQ(tensor(checkpoint, "wte.weight").offset, tensor(checkpoint, "lm_head.weight").offset);
  EXPECT_EQ(checkpoint.path(), kGolden / "everything.pth");
}

TEST_F(TorchCheckpointTest, RefusesEveryTruncation) {
  for (const char* name : {"state-dict-member.pth", "book-old.pth"}) {
    const std::string whole = read_file(kGolden / name);
    for (std::size_t n = 0; n < whole.size(); ++n) {
      write(std::string_view(whole).substr(0, n));
      refuse(concat(path.string(), ": "));
    }
  }
}

TEST_F(TorchCheckpointTest, AChangedByteIsNoticedOrWithoutEffect) {
  const std::string whole = read_file(kGolden / "state-dict-member.pth");
  const Json expected = test::golden_json(kGolden)["state-dict-member.pth"];
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x04);
    write(changed);
    try {
      test::expect_golden(TorchCheckpoint(path), expected);
    } catch (const Error&) {
    }
  }
}

TEST_F(TorchCheckpointTest, TheOldContainerSurvivesEveryChangedByte) {
  const std::string whole = read_file(kGolden / "book-old.pth");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 0x21);
    write(changed);
    try {
      const TorchCheckpoint checkpoint(path);
      for (const auto& info : checkpoint.tensors()) dense(checkpoint, info);
    } catch (const Error&) {
    }
  }
}

TEST_F(TorchCheckpointTest, ChecksTheChecksums) {
  const std::string pickle = dict_of(text("w") + pickled({}));
  write(zip_of({{.name = "x/data.pkl", .content = pickle, .spoil = 1}, {"x/data/0", six()}}));
  refuse("'x/data.pkl' does not have the checksum");

  write_zip(pickle, {{.name = "x/data/0", .content = six(), .spoil = 1}});
  const TorchCheckpoint checkpoint(path);
  expect_error([&] { checkpoint.bytes(checkpoint.tensors()[0]); },
               ": 'x/data/0' does not have the checksum that the file gives for it");
}

TEST_F(TorchCheckpointTest, ManyThreadsMayReadBytes) {
  const TorchCheckpoint checkpoint(kGolden / "everything.pth");
  std::atomic<std::size_t> total = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const auto& info : checkpoint.tensors()) total += checkpoint.bytes(info).size();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(total % 4, 0u);
}

TEST_F(TorchCheckpointTest, TakesTheMemberThatHoldsTensors) {
  const std::string w = pickled({}), inner = "}" + text("w") + w + "s";
  for (const char* member : {"model", "state_dict", "model_state_dict"}) {
    write_zip(dict_of(text("loss") + w + text(member) + inner));
    const TorchCheckpoint checkpoint(path);
    ASSERT_EQ(checkpoint.tensors().size(), 1u);
    EXPECT_EQ(text_of(checkpoint.bytes(tensor(checkpoint, "w"))), six());
  }
  write_zip(dict_of(text("model") + "}" + text("w") + w + text("n") + "N" + text("t") + w));
  EXPECT_EQ(TorchCheckpoint(path).tensors().size(), 2u);
  write_zip(dict_of(text("model") + inner + text("model") + "}"));  // Python's last one counts
  refuse("no tensors in its dict");
  write_zip(dict_of(text("weights") + inner));
  refuse("no tensors in its dict, nor in a member 'model', 'state_dict' or 'model_state_dict'");
  write_zip(dict_of(text("model") + text("w")));
  refuse("no tensors in its dict");
  write_zip("\x80\2" + w + ".");
  refuse("it holds a call, expected a dict of tensors");
  write_zip(dict_of(text("w") + w + text("w") + w));
  refuse("tensor 'w' occurs twice");
}

TEST_F(TorchCheckpointTest, ADictThatHoldsItselfIsNoLoop) {
  write_zip("\x80\2}q\1(" + text("model") + "h\1" + text("w") + pickled({}) + "u.");
  EXPECT_EQ(TorchCheckpoint(path).tensors().size(), 1u);
}

TEST_F(TorchCheckpointTest, ExecutesNothing) {
  write_zip("cos\nsystem\n(" + text("true") + "tR.");
  refuse(": data.pkl: byte 0, opcode GLOBAL: the pickle wants os.system; only tensors");
  write("\x80\2cposix\nsystem\n.");
  refuse("its magic number (from byte 0): byte 2, opcode GLOBAL: the pickle wants posix.system");
}

TEST_F(TorchCheckpointTest, ReadsUntypedStoragesWithADType) {
  TensorParts parts;
  parts.storage_class = global("torch.storage", "UntypedStorage");
  parts.elements = 24;
  parts.dtype = global("torch", "float32");
  write_zip(dict_of(text("w") + pickled(parts)));
  const TorchCheckpoint checkpoint(path);
  EXPECT_EQ(checkpoint.tensors()[0].dtype, DType::kFloat32);
  EXPECT_EQ(text_of(checkpoint.bytes(checkpoint.tensors()[0])), six());

  parts.dtype = global("torch", "uint16");
  refuse(parts, "the pickle wants torch.uint16");
  parts.dtype = "N";
  refuse(parts, "tensor 'w' has no dtype");
  parts.dtype.clear();
  refuse(parts, "tensor 'w' has no dtype");
}

TEST_F(TorchCheckpointTest, ReadsViewsThatRepeatElements) {
  for (const auto& [shape, strides] :
       {std::pair(tuple({2, 3}), tuple({0, 1})), std::pair(tuple({6}), tuple({0}))}) {
    TensorParts parts;
    parts.shape = shape;
    parts.strides = strides;
    write_zip(dict_of(text("w") + pickled(parts)));
    const TorchCheckpoint checkpoint(path);
    EXPECT_EQ(dense(checkpoint, checkpoint.tensors()[0]).size(), 24u);
  }
  TensorParts huge;
  huge.shape = tuple({1'000'000'000'000});
  huge.strides = tuple({0});
  refuse(huge, "tensor 'w' shows 1000000000000 elements of a storage of 6");
  huge.shape = tuple({7});
  refuse(huge, "tensor 'w' shows 7 elements of a storage of 6; call .contiguous()");
}

TEST_F(TorchCheckpointTest, RefusesViewsOutsideTheirStorage) {
  const auto view = [&](std::int64_t offset, const std::string& shape, const std::string& strides,
                        const std::string& message) {
    TensorParts parts;
    parts.offset = offset;
    parts.shape = shape;
    parts.strides = strides;
    refuse(parts, "data.pkl: tensor 'w'" + message);
  };
  constexpr std::int64_t kHuge = std::int64_t{1} << 62;
  view(1, tuple({2, 3}), tuple({3, 1}), " goes beyond its storage of 6 elements");
  view(0, tuple({2, 3}), tuple({4, 1}), " goes beyond its storage");
  view(0, tuple({3, 2}), tuple({kHuge, kHuge}), " goes beyond its storage");
  view(6, tuple({1}), tuple({1}), " begins at element 6 of a storage of 6");
  view(-1, tuple({1}), tuple({1}), " begins at element -1 of a storage of 6");
  view(kHuge, tuple({1}), tuple({1}), " begins at element 4611686018427387904");
  view(5, tuple({6}), tuple({-1}), " has the stride -1; expected none below 0");
  view(0, tuple({2}), tuple({1, 1}), " has 1 dimensions but 2 strides");
  view(0, tuple({-2}), tuple({1}), " has a dimension of -2");
  view(0, tuple({kHuge, kHuge}), tuple({0, 0}), " has a shape whose size overflows 64 bits");
  view(0, tuple({kHuge, 0, kHuge}), tuple({1, 1, 1}), " has a shape whose size overflows 64 bits");
  view(0, "]", tuple({1}), ": its shape is a list, expected a tuple");
  view(0, tuple({6}), "N\x85", ": its strides holds None, expected integers");
}

TEST_F(TorchCheckpointTest, AnEmptyOrScalarTensorIsFine) {
  TensorParts empty, scalar;
  empty.shape = tuple({0, 3});
  empty.offset = 100;  // as PyTorch writes it for views of empty tensors
  scalar.shape = scalar.strides = tuple({});
  scalar.offset = 5;
  write_zip(dict_of(text("e") + pickled(empty) + text("s") + pickled(scalar)));
  const TorchCheckpoint checkpoint(path);
  EXPECT_EQ(checkpoint.bytes(tensor(checkpoint, "e")).size(), 0u);
  EXPECT_EQ(text_of(checkpoint.bytes(tensor(checkpoint, "s"))), test::raw(5.0f));
}

TEST_F(TorchCheckpointTest, RefusesStoragesThatAreNotWhatThePickleSays) {
  TensorParts parts;
  parts.elements = 7;
  refuse(parts, "the storage '0' has 24 bytes, but the pickle says 28");
  parts.elements = std::int64_t{1} << 62;
  refuse(parts, "storage '0' has a shape whose size overflows 64 bits");
  parts.elements = -6;
  refuse(parts, "storage '0' has no count of elements");
  parts = {};
  parts.key = "1";
  refuse(parts, "the storage '1' is missing");
  parts.key = std::string(257, '0');
  refuse(parts, "a storage's key has 257 bytes; at most 256 are accepted");
  parts.key = "../data.pkl";
  refuse(parts, "the storage '../data.pkl' is missing");
  parts = {};
  parts.storage_class = global("torch", "float32");
  refuse(parts, "storage '0' is of no known class");
  parts.storage_class = "N";
  refuse(parts, "storage '0' is of no known class");
  parts = {};
  parts.storage_more = tuple({0, 1});
  refuse(parts, "storage '0' is a view of another one");
  write_zip(dict_of(text("w") + "(" + text("module") + "NNNNtQ"));
  refuse("refers to something outside the pickle that is not a storage");
  write_zip(dict_of(text("w") + "NQ"));
  refuse("a storage is not described by a tuple");
  write_zip(dict_of(text("w") + "()tQ"));
  refuse("a storage is described by 1 values; expected 5 to 6");
}

TEST_F(TorchCheckpointTest, RefusesDamagedCalls) {
  const auto call = [&](const std::string& value, const std::string& message) {
    write_zip(dict_of(text("w") + value));
    refuse("tensor 'w' " + message);
  };
  const std::string v2 = global("torch._utils", "_rebuild_tensor_v2");
  const std::string parameter = global("torch._utils", "_rebuild_parameter");
  call(v2 + ")R", "is described by 0 values; expected 6 to 7");
  call(v2 + "(NNNNNNtR", "has no storage");
  call(parameter + "NN\x86R", "is a parameter without a tensor");
  call(parameter + parameter + "NN\x86RN\x86R", "is a parameter without a tensor");
  call(global("torch", "float32") + ")R", "is described by 0 values");
}

TEST_F(TorchCheckpointTest, RefusesOtherArchivesAndFiles) {
  write(zip_of({{"x/model.json", "{}"}}));
  refuse(": a zip archive without an entry NAME/data.pkl was not written by torch.save");
  write(zip_of({{"data.pkl", "N."}, {"x/y/data.pkl", "N."}}));
  refuse("without an entry NAME/data.pkl");
  write(zip_of({{"x/data.pkl", "N."}, {"y/data.pkl", "N."}}));
  refuse("two entries are called data.pkl");
  write(zip_of({{"x/data.pkl", "N."}, {"../../x", "?"}}));
  refuse("the entry '../../x' has a name that leads elsewhere");
  write_zip(dict_of(text("w") + pickled({})), {{"x/data/0", six()}, {"x/byteorder", "big"}});
  refuse("its byte order is 'big'; expected 'little'");
  write("{}");
  refuse("neither a zip archive nor a pickle");
  write("");
  refuse("neither a zip archive nor a pickle");
  write("\x80\2}.");
  refuse("a pickle, but not one of torch.save");
  expect_error([&] { TorchCheckpoint checkpoint(kGolden / "none"); }, "cannot read");
}

class OldContainerTest : public TorchCheckpointTest {
 protected:
  std::string magic = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
  std::string version = "\x80\2M\xe9\3.";
  std::string system = "\x80\2}" + text("little_endian") + "\x88s.";
  std::string object = dict_of(text("w") + pickled({}));
  std::string keys = "\x80\2]" + text("0") + "a.";
  std::string storages = u64(6) + six();

  void refuse_old(const std::string& message) {
    write(magic + version + system + object + keys + storages);
    refuse(message);
  }
};

TEST_F(OldContainerTest, ReadsTensors) {
  write(magic + version + system + object + keys + storages);
  const TorchCheckpoint checkpoint(path);
  EXPECT_EQ(text_of(checkpoint.bytes(tensor(checkpoint, "w"))), six());
}

TEST_F(OldContainerTest, RefusesOtherVersionsAndBigEndianNumbers) {
  version = "\x80\2M\xea\3.";
  refuse_old("its protocol version is not the expected 1001");
  version = "\x80\2M\xe9\3.";
  system = "\x80\2}" + text("little_endian") + "\x89s.";
  refuse_old("its numbers are big-endian");
}

TEST_F(OldContainerTest, RefusesStoragesThatDoNotFit) {
  storages = u64(7) + six();
  refuse_old("the storage '0' has 7 elements, but the pickle says 6");
  storages = u64(6) + six() + "x";
  refuse_old("1 bytes follow the last storage");
  storages = u64(6) + six().substr(1);
  refuse_old("the storage '0' needs 24 bytes, but only 23 are left");
  storages = "1234567";
  refuse_old("the file ends before the storage '0'");
}

TEST_F(OldContainerTest, RefusesAListOfOtherStorages) {
  keys = "\x80\2].";
  refuse_old("the storage '0' is missing");
  keys = "\x80\2N.";
  refuse_old("its list of storages is None");
  keys = "\x80\2](" + text("0") + text("1") + "e.";
  refuse_old("a storage is listed that nothing refers to");
  keys = "\x80\2](" + text("0") + text("0") + "e.";
  storages = u64(6) + six() + u64(6) + six();
  refuse_old("the storage '0' is listed twice");
  TensorParts longer;
  longer.elements = 7;
  object = dict_of(text("v") + pickled(longer) + text("w") + pickled({}));
  refuse_old("the storage '0' has two sizes");
}

}  // namespace
}  // namespace gptkit
