#pragma once
// Python's pickles as far as torch.save needs them for tensors: numbers, texts, tuples, lists,
// dicts, names from a list of allowed ones and calls of these. Nothing is ever called: a call is a
// value like the others; the caller decides what it means. Protocols 2 to 5
// (https://docs.python.org/3/library/pickletools.html).

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,  ///< integer is 0 or 1
    kInteger,
    kBigInteger,  ///< text: more than 8 bytes, two's complement, the lowest byte first
    kReal,
    kText,
    kBytes,  ///< text
    kTuple,
    kList,
    kDict,        ///< items: key, value, key, value ...; also an OrderedDict
    kGlobal,      ///< text: "torch.FloatStorage", one of the allowed names
    kCall,        ///< text: the function's name; items: the one tuple of its arguments
    kPersistent,  ///< items: the one value by which something outside the pickle is known
  };
  Kind kind = Kind::kNone;
  bool ordered = false;  ///< kDict: an OrderedDict
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string_view text = {};
  std::vector<const PickleValue*> items = {};
};

/// "a text", "a list": for messages.
std::string_view kind_name(PickleValue::Kind kind);

/// The limits of a pickle, whatever its size.
struct PickleLimits {
  std::size_t values = std::size_t{1} << 20;  ///< a tensor takes about ten
  std::size_t items = std::size_t{1} << 21;   ///< of all containers together
  std::size_t stack = std::size_t{1} << 16;   ///< Python puts 2000 there at once
};

/// One pickle. The values lie side by side and point to each other, so no nesting is too deep to
/// build or destroy; values may be shared, and lists and dicts may hold themselves: who follows
/// them must not do so without end.
class Pickle {
 public:
  /// Reads up to the end of the first pickle in `bytes`, which must outlive it. `where` opens every
  /// message; `allowed` holds the names, such as "torch._utils._rebuild_tensor_v2", that the pickle
  /// may use beside collections.OrderedDict.
  Pickle(std::string_view bytes, const std::string& where,
         std::span<const std::string_view> allowed, const PickleLimits& limits = {});

  const PickleValue& root() const { return *root_; }
  /// The bytes read; others may follow them.
  std::size_t size() const { return size_; }
  /// Every value of kind kPersistent, wherever it is.
  const std::vector<const PickleValue*>& persistent() const { return persistent_; }

 private:
  std::deque<PickleValue> values_;
  std::vector<const PickleValue*> persistent_;
  const PickleValue* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace gptkit
