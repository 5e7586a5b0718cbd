#include "formats/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "formats/pickle_opcodes.h"

namespace gptkit {

using namespace pickle_detail;

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie on disk");

using Kind = PickleValue::Kind;

constexpr std::string_view kOrderedDict = "collections.OrderedDict";

/// Python's stack machine, without the power to call anything.
class Unpickler {
 public:
  Unpickler(std::string_view bytes, const std::string& where,
            std::span<const std::string_view> allowed, const PickleLimits& limits,
            std::deque<PickleValue>& values, std::vector<const PickleValue*>& persistent)
      : bytes_(bytes),
        where_(where),
        allowed_(allowed),
        limits_(limits),
        values_(values),
        persistent_(persistent) {}

  const PickleValue* run() {
    for (;;) {
      begin_ = at_;
      check(at_ < bytes_.size(), "it ends before its STOP");
      opcode_ = static_cast<unsigned char>(bytes_[at_++]);
      if (opcode_ == kStop) break;
      if (!push_constant() && !build_container() && !use_memo()) step();
      check(stack_.size() <= limits_.stack && marks_.size() <= limits_.stack, "more than ",
            limits_.stack, " values wait on the stack");
    }
    const PickleValue* const root = pop();
    check(stack_.empty() && marks_.empty(), "values are left on the stack");
    return root;
  }

  std::size_t size() const { return at_; }

 private:
  std::string_view bytes_;
  const std::string& where_;
  std::span<const std::string_view> allowed_;
  const PickleLimits& limits_;
  std::deque<PickleValue>& values_;
  std::vector<const PickleValue*>& persistent_;
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::vector<PickleValue*> memo_;
  std::size_t item_count_ = 0;
  std::size_t at_ = 0, begin_ = 0;  // begin_: of the opcode at work
  unsigned char opcode_ = 0;
  // Python writes these often, and nothing can change them.
  PickleValue* none_ = nullptr;
  PickleValue* booleans_[2] = {};
  PickleValue* empty_tuple_ = nullptr;

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(where_, ": byte ", begin_, ", opcode ", opcode_name(opcode_), ": ", parts...);
  }
  template <class... Parts>
  void check(bool ok, const Parts&... parts) const {
    if (!ok) refuse(parts...);
  }

  std::string_view take(std::uint64_t count) {
    check(count <= bytes_.size() - at_, "it needs ", count, " bytes, but only ",
          bytes_.size() - at_, " are left; the file is damaged or incomplete");
    const auto taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  template <class T>
  T number() {
    T value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    check(end != bytes_.npos, "a name without an end");
    const auto text = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return text;
  }

  PickleValue* make(Kind kind) {
    check(values_.size() < limits_.values, "more than ", limits_.values, " values");
    values_.emplace_back().kind = kind;
    return &values_.back();
  }
  PickleValue* push(PickleValue* value) {
    stack_.push_back(value);
    return value;
  }
  void push_integer(std::int64_t integer) { push(make(Kind::kInteger))->integer = integer; }
  void push_text(Kind kind, std::string_view text) { push(make(kind))->text = text; }
  PickleValue* shared(PickleValue*& slot, Kind kind, bool integer = false) {
    if (!slot) {
      slot = make(kind);
      slot->integer = integer;
    }
    return slot;
  }

  PickleValue* top() const {
    check(stack_.size() > (marks_.empty() ? 0 : marks_.back()), "the stack is empty");
    return stack_.back();
  }
  PickleValue* pop() {
    PickleValue* const value = top();
    stack_.pop_back();
    return value;
  }
  /// The values above the last mark, which is taken away.
  std::vector<PickleValue*> pop_to_mark() {
    check(!marks_.empty(), "no mark is on the stack");
    const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue*> values(begin, stack_.end());
    stack_.erase(begin, stack_.end());
    marks_.pop_back();
    return values;
  }

  /// Opcodes that put a number, a text or the like on the stack.
  bool push_constant() {
    switch (opcode_) {
      case kNoneValue:
        return push(shared(none_, Kind::kNone));
      case kNewTrue:
      case kNewFalse: {
        const bool value = opcode_ == kNewTrue;
        return push(shared(booleans_[value], Kind::kBool, value));
      }
      case kBinInt:
        return push_integer(number<std::int32_t>()), true;
      case kBinInt1:
        return push_integer(number<std::uint8_t>()), true;
      case kBinInt2:
        return push_integer(number<std::uint16_t>()), true;
      case kLong1:
        return push_long(take(number<std::uint8_t>())), true;
      case kBinFloat:
        return push(make(Kind::kReal))->real = big_endian_real(), true;
      case kBinUnicode:
        return push_text(Kind::kText, take(number<std::uint32_t>())), true;
      case kShortBinUnicode:
        return push_text(Kind::kText, take(number<std::uint8_t>())), true;
      case kBinBytes:
        return push_text(Kind::kBytes, take(number<std::uint32_t>())), true;
      case kShortBinBytes:
        return push_text(Kind::kBytes, take(number<std::uint8_t>())), true;
      default:
        return false;
    }
  }

  void push_long(std::string_view digits) {
    std::uint64_t value = 0;
    if (digits.size() > sizeof value) return push_text(Kind::kBigInteger, digits);
    const bool negative = !digits.empty() && (digits.back() & 0x80) != 0;
    if (negative) value = ~std::uint64_t{0};
    std::memcpy(&value, digits.data(), digits.size());
    push_integer(static_cast<std::int64_t>(value));
  }

  double big_endian_real() {
    return std::bit_cast<double>(__builtin_bswap64(number<std::uint64_t>()));
  }

  /// Tuples, lists, dicts and what fills them.
  bool build_container() {
    switch (opcode_) {
      case kEmptyTuple:
        return push(shared(empty_tuple_, Kind::kTuple));
      case kEmptyList:
        return push(make(Kind::kList));
      case kEmptyDict:
        return push(make(Kind::kDict));
      case kMark:
        return marks_.push_back(stack_.size()), true;
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return push_tuple(pop_some(opcode_ - kTuple1 + 1u)), true;
      case kTuple:
        return push_tuple(pop_to_mark()), true;
      case kAppend:
        return append(pop_some(1)), true;
      case kAppends:
        return append(pop_to_mark()), true;
      case kSetItem:
        return set_items(pop_some(2)), true;
      case kSetItems:
        return set_items(pop_to_mark()), true;
      default:
        return false;
    }
  }

  std::vector<PickleValue*> pop_some(std::size_t count) {
    std::vector<PickleValue*> values(count);
    for (std::size_t i = count; i-- > 0;) values[i] = pop();
    return values;
  }
  void add(std::vector<const PickleValue*>& items, const std::vector<PickleValue*>& values) {
    item_count_ += values.size();
    check(item_count_ <= limits_.items, "more than ", limits_.items, " items");
    items.insert(items.end(), values.begin(), values.end());
  }
  void push_tuple(const std::vector<PickleValue*>& items) {
    add(push(make(Kind::kTuple))->items, items);
  }
  PickleValue* container(Kind kind) const {
    PickleValue* const value = top();
    check(value->kind == kind, "it stands behind ", kind_name(value->kind), ", expected ",
          kind_name(kind));
    return value;
  }
  void append(const std::vector<PickleValue*>& values) {
    add(container(Kind::kList)->items, values);
  }
  void set_items(const std::vector<PickleValue*>& values) {
    check(values.size() % 2 == 0, "a key without a value");
    add(container(Kind::kDict)->items, values);
  }

  bool use_memo() {
    switch (opcode_) {
      case kBinPut:
        return remember(number<std::uint8_t>()), true;
      case kLongBinPut:
        return remember(number<std::uint32_t>()), true;
      case kMemoize:
        return remember(memo_.size()), true;
      case kBinGet:
        return push(remembered(number<std::uint8_t>()));
      case kLongBinGet:
        return push(remembered(number<std::uint32_t>()));
      default:
        return false;
    }
  }

  void remember(std::size_t index) {
    // Python counts from 0 or 1 on; each index has cost at least two bytes.
    check(index <= at_ && index < limits_.values, "the memo's index ", index, " is out of range");
    if (index >= memo_.size()) memo_.resize(index + 1);
    memo_[index] = top();
  }
  PickleValue* remembered(std::size_t index) const {
    check(index < memo_.size() && memo_[index], "nothing has the memo's index ", index);
    return memo_[index];
  }

  /// The rest: framing, names and what is done with them.
  void step() {
    switch (opcode_) {
      case kProtocol: {
        const int protocol = number<std::uint8_t>();
        return check(protocol <= 5, "protocol ", protocol, " is not known; expected 2 to 5");
      }
      case kFrame: {
        const auto frame = number<std::uint64_t>();
        return check(frame <= bytes_.size() - at_, "a frame of ", frame, " bytes, but only ",
                     bytes_.size() - at_, " are left; the file is damaged or incomplete");
      }
      case kGlobalName: {
        const auto module = line();
        return push_global(module, line());
      }
      case kStackGlobal: {
        const auto names = pop_some(2);
        check(names[0]->kind == Kind::kText && names[1]->kind == Kind::kText,
              "a name that is not a string");
        return push_global(names[0]->text, names[1]->text);
      }
      case kReduce:
        return call();
      case kBuild:
        return build();
      case kBinPersistentId: {
        const PickleValue* const id = pop();
        persistent_.push_back(push(make(Kind::kPersistent)));
        return stack_.back()->items.push_back(id);
      }
      default:
        refuse("torch.save does not write it for tensors; only tensors are read");
    }
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string wanted = std::string(module).append(1, '.').append(name);
    const auto found = std::find(allowed_.begin(), allowed_.end(), wanted);
    check(found != allowed_.end() || wanted == kOrderedDict, "the pickle wants ", printable(wanted),
          "; only tensors are read, nothing is executed");
    push_text(Kind::kGlobal, wanted == kOrderedDict ? kOrderedDict : *found);
  }

  void call() {
    const auto [function, arguments] = [&] {
      const auto both = pop_some(2);
      return std::pair(both[0], both[1]);
    }();
    check(function->kind == Kind::kGlobal, "it would call ", kind_name(function->kind));
    check(arguments->kind == Kind::kTuple, "it would call ", function->text, " with ",
          kind_name(arguments->kind), ", expected a tuple");
    if (function->text == kOrderedDict) {
      check(arguments->items.empty(), "an OrderedDict with arguments, expected an empty one");
      push(make(Kind::kDict))->ordered = true;
      return;
    }
    push(make(Kind::kCall))->text = function->text;
    stack_.back()->items.push_back(arguments);
  }

  /// An OrderedDict's attributes: PyTorch hangs the modules' versions on a state dict.
  void build() {
    const PickleValue* const state = pop();
    const PickleValue* const target = top();
    check(target->kind == Kind::kDict && target->ordered && state->kind == Kind::kDict,
          "it would set attributes of ", kind_name(target->kind),
          "; only those of an OrderedDict are skipped");
  }
};

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 13> kNames = {
      "None",          "a bool", "an integer",     "a big integer", "a real number",
      "a text",        "bytes",  "a tuple",        "a list",        "a dict",
      "a global name", "a call", "a persistent id"};
  return kNames[static_cast<std::size_t>(kind)];
}

Pickle::Pickle(std::string_view bytes, const std::string& where,
               std::span<const std::string_view> allowed, const PickleLimits& limits) {
  Unpickler unpickler(bytes, where, allowed, limits, values_, persistent_);
  root_ = unpickler.run();
  size_ = unpickler.size();
}

}  // namespace gptkit
