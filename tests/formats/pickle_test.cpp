#include "formats/pickle.h"

#include <limits>

#include "checkpoint_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::u32;
using test::u64;
using Kind = PickleValue::Kind;

constexpr std::string_view kAllowed[] = {"torch.FloatStorage", "torch._utils._rebuild_tensor_v2"};

std::string bytes(std::initializer_list<int> codes) {
  std::string text;
  for (const int code : codes) text += static_cast<char>(code);
  return text;
}

std::string text(std::string_view content) {
  return 'X' + u32(content.size()) + std::string(content);
}

void refuse(const std::string& pickle, const std::string& message) {
  expect_error([&] { Pickle parsed(pickle, "data.pkl", kAllowed); }, message);
}

/// Reads a pickle of one value and hands it to `check`.
template <class Check>
void with_root(const std::string& pickle, Check&& check) {
  const Pickle parsed(pickle, "data.pkl", kAllowed);
  EXPECT_EQ(parsed.size(), pickle.size());
  check(parsed.root());
}

void expect_integer(const std::string& pickle, std::int64_t integer) {
  with_root(pickle, [&](const PickleValue& value) {
    EXPECT_EQ(value.kind, Kind::kInteger);
    EXPECT_EQ(value.integer, integer);
  });
}

TEST(Pickle, ReadsNumbers) {
  expect_integer("K\xff.", 255);
  expect_integer("M\xff\xfe.", 0xfeff);
  expect_integer("J" + u32(0xffffffff) + ".", -1);
  expect_integer(bytes({0x80, 2, 0x8a, 0, '.'}), 0);
  expect_integer(bytes({0x8a, 1, 0x80, '.'}), -128);
  expect_integer(bytes({0x8a, 5, 0, 0, 0, 0, 1, '.'}), std::int64_t{1} << 32);
  expect_integer(bytes({0x8a, 8}) + u64(std::size_t{1} << 63) + ".",
                 std::numeric_limits<std::int64_t>::min());
  with_root(bytes({0x8a, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, '.'}), [](const PickleValue& value) {
    EXPECT_EQ(value.kind, Kind::kBigInteger);
    EXPECT_EQ(value.text, "\1\2\3\4\5\6\7\10\11");
  });
  with_root("G" + bytes({0x3f, 0xf8, 0, 0, 0, 0, 0, 0}) + ".", [](const PickleValue& value) {
    EXPECT_EQ(value.kind, Kind::kReal);
    EXPECT_EQ(value.real, 1.5);
  });
  with_root(bytes({0x88, '.'}), [](const PickleValue& value) {
    EXPECT_EQ(value.kind, Kind::kBool);
    EXPECT_EQ(value.integer, 1);
  });
  with_root("N.", [](const PickleValue& value) { EXPECT_EQ(value.kind, Kind::kNone); });
}

TEST(Pickle, ReadsTextsAndBytes) {
  for (const std::string& pickle : {text("häh") + ".", bytes({0x8c, 4}) + "häh."}) {
    with_root(pickle, [](const PickleValue& value) {
      EXPECT_EQ(value.kind, Kind::kText);
      EXPECT_EQ(value.text, "häh");
    });
  }
  for (const std::string& pickle : {"B" + u32(2) + "xy.", std::string("C\2xy.")}) {
    with_root(pickle, [](const PickleValue& value) {
      EXPECT_EQ(value.kind, Kind::kBytes);
      EXPECT_EQ(value.text, "xy");
    });
  }
}

TEST(Pickle, BuildsContainers) {
  // {"a": [1, 2, 3, 4], "b": ((), (5,), (5, 5), (5, 5, 5), (5, 5, 5, 5))}
  const std::string list = "](K\1K\2eK\3aK\4a";
  const std::string tuples = "()K\5\x85K\5K\5\x86K\5K\5K\5\x87(K\5K\5K\5K\5tt";
  for (const std::string& pickle : {"}(" + text("a") + list + text("b") + tuples + "u.",
                                    "}" + text("a") + list + "s" + text("b") + tuples + "s."}) {
    with_root(pickle, [](const PickleValue& dict) {
      ASSERT_EQ(dict.kind, Kind::kDict);
      ASSERT_EQ(dict.items.size(), 4u);
      EXPECT_EQ(dict.items[2]->text, "b");
      const PickleValue &numbers = *dict.items[1], &tuple = *dict.items[3];
      ASSERT_EQ(numbers.items.size(), 4u);
      for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(numbers.items[i]->integer, int(i) + 1);
      ASSERT_EQ(tuple.items.size(), 5u);
      for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(tuple.items[i]->items.size(), i);
    });
  }
}

TEST(Pickle, RemembersValuesWithoutCopyingThem) {
  with_root("(]q\1h\1r" + u32(2) + "j" + u32(2) + "t.", [](const PickleValue& tuple) {
    ASSERT_EQ(tuple.items.size(), 3u);
    EXPECT_EQ(tuple.items[0], tuple.items[1]);
    EXPECT_EQ(tuple.items[0], tuple.items[2]);
  });
  with_root(bytes({0x80, 4, 0x95, 6, 0, 0, 0, 0, 0, 0, 0, 'N', 0x94, 'h', 0, 0x86, '.'}),
            [](const PickleValue& tuple) { EXPECT_EQ(tuple.items.size(), 2u); });
}

TEST(Pickle, AListMayHoldItself) {
  with_root("]q\1h\1a.", [](const PickleValue& list) {
    ASSERT_EQ(list.items.size(), 1u);
    EXPECT_EQ(list.items[0], &list);
  });
}

TEST(Pickle, KeepsCallsAndPersistentIdsAsValues) {
  const std::string pickle =
      "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\ntQtR.";
  const Pickle parsed(pickle + "the next one", "data.pkl", kAllowed);
  EXPECT_EQ(parsed.size(), pickle.size());
  const PickleValue& call = parsed.root();
  ASSERT_EQ(call.kind, Kind::kCall);
  EXPECT_EQ(call.text, "torch._utils._rebuild_tensor_v2");
  ASSERT_EQ(call.items.size(), 1u);
  const PickleValue& persistent = *call.items[0]->items.at(0);
  EXPECT_EQ(persistent.kind, Kind::kPersistent);
  EXPECT_EQ(persistent.items[0]->items[1]->text, "torch.FloatStorage");
  EXPECT_THAT(parsed.persistent(), testing::ElementsAre(&persistent));
}

TEST(Pickle, AnOrderedDictIsADictAndItsAttributesAreSkipped) {
  const std::string ordered = "ccollections\nOrderedDict\n)R";
  with_root(ordered + text("a") + "K\1s}" + text("_metadata") + "Nsb.",
            [](const PickleValue& value) {
              EXPECT_EQ(value.kind, Kind::kDict);
              EXPECT_TRUE(value.ordered);
              EXPECT_EQ(value.items.size(), 2u);
            });
  refuse(ordered + "Nb.", "BUILD: it would set attributes of a dict");
  refuse("}}b.", "BUILD: it would set attributes of a dict; only those of an OrderedDict");
  refuse("]}b.", "BUILD: it would set attributes of a list");
  refuse("ctorch\nFloatStorage\n}b.", "BUILD: it would set attributes of a global name");
  refuse("ccollections\nOrderedDict\n]\x85R.", "an OrderedDict with arguments");
}

TEST(Pickle, RefusesEveryOtherName) {
  refuse("cos\nsystem\n(" + text("true") + "tR.",
         "data.pkl: byte 0, opcode GLOBAL: the pickle wants os.system; only tensors are read");
  refuse("cbuiltins\neval\n.", "the pickle wants builtins.eval");
  refuse("ctorch.storage\n_load_from_bytes\n.", "wants torch.storage._load_from_bytes");
  refuse("ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "only tensors are read");
  refuse("ctorch\n\n.", "the pickle wants torch.;");
  refuse(bytes({0x80, 4, 0x8c, 2, 'o', 's', 0x8c, 6, 's', 'y', 's', 't', 'e', 'm', 0x93, '.'}),
         "byte 14, opcode STACK_GLOBAL: the pickle wants os.system");
  refuse(bytes({'N', 'N', 0x93, '.'}), "a name that is not a string");
  refuse("cos\nsystem", "a name without an end");
  refuse("cno line end", "a name without an end");
}

TEST(Pickle, RefusesOpcodesThatAreNotOfTensors) {
  refuse("(S'true'\nios\nsystem\n.", "byte 1, opcode STRING: torch.save does not write it");
  refuse("(ios\nsystem\n.", "byte 1, opcode INST: torch.save does not write it for tensors");
  refuse("(o.", "opcode OBJ: ");
  refuse(bytes({')', 0x81}), "opcode NEWOBJ: ");
  refuse(bytes({0x82, 1}), "opcode EXT1: ");
  refuse("Px\n.", "opcode PERSID: ");
  refuse(bytes({0x96, 1}), "opcode BYTEARRAY8: ");
  refuse(bytes({0x80, 2, 0xff}), "byte 2, opcode 0xff: ");
  refuse(std::string(1, '\0'), "byte 0, opcode 0x00: ");
  refuse(bytes({0x80, 6, 'N', '.'}), "protocol 6 is not known");
}

TEST(Pickle, RefusesWhatItsStackCannotDo) {
  refuse(".", "opcode STOP: the stack is empty");
  refuse("NN.", "values are left on the stack");
  refuse("N(.", "the stack is empty");
  refuse("t.", "no mark is on the stack");
  refuse("](K\1s.", "byte 4, opcode SETITEM: the stack is empty");
  refuse("]K\1K\2s.", "byte 5, opcode SETITEM: it stands behind a list, expected a dict");
  refuse("](K\1K\2u.", "opcode SETITEMS: it stands behind a list, expected a dict");
  refuse("}(K\1u.", "opcode SETITEMS: a key without a value");
  refuse("}K\1a.", "opcode APPEND: it stands behind a dict, expected a list");
  refuse("}(e.", "opcode APPENDS: it stands behind a dict, expected a list");
  refuse("K\1)R.", "opcode REDUCE: it would call an integer");
  refuse("ctorch\nFloatStorage\n]R.", "it would call torch.FloatStorage with a list");
  refuse("N\x86.", "the stack is empty");
  refuse("(Q.", "the stack is empty");
}

TEST(Pickle, RefusesMemoIndicesOutOfRange) {
  refuse("h\5.", "opcode BINGET: nothing has the memo's index 5");
  refuse("j" + u32(0xffffffff) + ".", "nothing has the memo's index 4294967295");
  refuse("Nr" + u32(0xffffffff) + ".", "opcode LONG_BINPUT: the memo's index 4294967295 is out of");
  refuse("Nr" + u32(1000) + ".", "the memo's index 1000 is out of range");
  refuse(std::string("q\0.", 3), "the stack is empty");
  refuse("Nq\2h\1\x86.", "nothing has the memo's index 1");
}

TEST(Pickle, RefusesLengthsBeyondTheEnd) {
  refuse("X" + u32(0xffffffff) + "abc",
         "BINUNICODE: it needs 4294967295 bytes, but only 3 are left");
  refuse("B" + u32(4) + "abc", "BINBYTES: it needs 4 bytes, but only 3 are left");
  refuse(
      "\x8a\xff"
      "1",
      "LONG1: it needs 255 bytes");
  refuse("X\1", "it needs 4 bytes, but only 1 are left");
  refuse("\x95" + u64(~std::size_t{0}) + "N.", "a frame of 18446744073709551615 bytes");
  refuse("", "it ends before its STOP");
  refuse("N", "it ends before its STOP");
}

TEST(Pickle, RefusesEveryTruncation) {
  const std::string pickle = "\x80\2}(" + text("a") + "(ctorch\nFloatStorage\nq\1K\1M\1\2J" +
                             u32(3) + "t" + text("b") + "h\1" + text("c") + "G12345678u.";
  with_root(pickle, [](const PickleValue& value) { EXPECT_EQ(value.items.size(), 6u); });
  for (std::size_t n = 0; n < pickle.size(); ++n) refuse(pickle.substr(0, n), "data.pkl: byte ");
}

TEST(Pickle, NestingIsBoundedByTheStackOrHarmless) {
  refuse(std::string(1'000'000, ']') + std::string(999'999, 'a') + ".",
         "more than 65536 values wait on the stack");
  refuse(std::string(1'000'000, '(') + std::string(1'000'000, 't') + ".",
         "more than 65536 values wait on the stack");
  with_root("N" + std::string(100'000, '\x85') + ".", [](const PickleValue& value) {
    std::size_t depth = 0;
    for (const auto* at = &value; at->kind == Kind::kTuple; at = at->items[0]) ++depth;
    EXPECT_EQ(depth, 100'000u);
  });
}

TEST(Pickle, CostsNoMoreThanItsLimits) {
  const auto with = [](const std::string& pickle, const PickleLimits& limits) {
    Pickle parsed(pickle, "data.pkl", kAllowed, limits);
  };
  const std::string list = "](NNK\1e.", copied = "]q\1(h\1h\1e(h\1h\1e.";
  with(list, {.values = 3, .items = 3, .stack = 4});
  expect_error([&] { with(list, {.values = 2}); }, "more than 2 values");
  expect_error([&] { with(list, {.items = 2}); }, "more than 2 items");
  expect_error([&] { with(list, {.stack = 3}); }, "more than 3 values wait on the stack");
  expect_error([&] { with(copied, {.items = 3}); }, "more than 3 items");
}

}  // namespace
}  // namespace gptkit
