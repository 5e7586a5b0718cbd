#include "formats/torch_checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "formats/pickle.h"
#include "formats/zip_archive.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie on disk");

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxPickle = std::size_t{64} << 20;
constexpr std::size_t kMaxTensors = std::size_t{1} << 16;
constexpr std::size_t kMaxName = 4096;
constexpr std::size_t kMaxKey = 256;  // PyTorch's are numbers
constexpr std::int64_t kOldProtocol = 1001;
/// 0x1950a86a20f9469cfc6c, the first pickle of the older container.
constexpr std::string_view kOldMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
/// Where training programs keep the weights, beside what else they save.
constexpr std::array<std::string_view, 3> kMembers = {"model", "state_dict", "model_state_dict"};

constexpr std::string_view kTensor = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kTensorWithDType = "torch._utils._rebuild_tensor_v3";
constexpr std::string_view kParameter = "torch._utils._rebuild_parameter";
constexpr std::string_view kUntyped = "torch.storage.UntypedStorage";

/// The names that a pickle may use.
constexpr std::string_view kAllowed[] = {
    kTensor,
    kTensorWithDType,
    kParameter,
    kUntyped,
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
    "torch.float64",
    "torch.float32",
    "torch.float16",
    "torch.bfloat16",
    "torch.int64",
    "torch.int32",
    "torch.int16",
    "torch.int8",
    "torch.uint8",
    "torch.bool",
};
constexpr std::size_t kFirstStorage = 4, kFirstDType = 14;
constexpr DType kDTypes[] = {DType::kFloat64, DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                             DType::kInt64,   DType::kInt32,   DType::kInt16,   DType::kInt8,
                             DType::kUInt8,   DType::kBool};

/// The dtype that stands at a place of kAllowed behind `first`.
std::optional<DType> dtype_from(std::size_t first, const PickleValue& value) {
  for (std::size_t i = 0; i < std::size(kDTypes); ++i) {
    if (value.kind == Kind::kGlobal && value.text == kAllowed[first + i]) return kDTypes[i];
  }
  return std::nullopt;
}

/// The items of a call's or a persistent id's tuple.
const std::vector<const PickleValue*>& tuple_of(const PickleValue& value, std::size_t at_least,
                                                std::size_t at_most, const std::string& what) {
  require(!value.items.empty() && value.items[0]->kind == Kind::kTuple, what,
          " is not described by a tuple");
  const auto& items = value.items[0]->items;
  require(items.size() >= at_least && items.size() <= at_most, what, " is described by ",
          items.size(), " values; expected ", at_least, " to ", at_most);
  return items;
}

/// A persistent id: ('storage', class, key, device, elements), in the older container also None.
struct StorageId {
  std::string_view key;
  std::optional<DType> dtype;  // none: an UntypedStorage, counted in bytes
  std::uint64_t bytes = 0;

  std::size_t element_bytes() const { return dtype ? block_of(*dtype).bytes : 1; }
};

StorageId parse_storage(const PickleValue& persistent, const std::string& where) {
  const auto& items = tuple_of(persistent, 5, 6, where + ": a storage");
  require(
      items[0]->kind == Kind::kText && items[0]->text == "storage", where,
      ": it refers to something outside the pickle that is not a storage; only tensors are read");
  StorageId id;
  require(items[2]->kind == Kind::kText, where, ": a storage's key is ", kind_name(items[2]->kind),
          ", expected a text");
  id.key = items[2]->text;
  require(id.key.size() <= kMaxKey, where, ": a storage's key has ", id.key.size(),
          " bytes; at most ", kMaxKey, " are accepted");
  const std::string what = concat(where, ": storage '", printable(id.key), "'");
  id.dtype = dtype_from(kFirstStorage, *items[1]);
  require(id.dtype || (items[1]->kind == Kind::kGlobal && items[1]->text == kUntyped), what,
          " is of no known class");
  require(items[4]->kind == Kind::kInteger && items[4]->integer >= 0, what,
          " has no count of elements");
  require(items.size() == 5 || items[5]->kind == Kind::kNone, what,
          " is a view of another one, which PyTorch has not written since 0.4; load it in Python "
          "and save it again");
  id.bytes = tensor_bytes(id.dtype.value_or(DType::kUInt8), {items[4]->integer}, what);
  return id;
}

/// Where a storage lies in the file.
struct Place {
  std::uint64_t offset = 0, bytes = 0;
};
using Places = std::map<std::string_view, Place>;

std::vector<std::int64_t> integers(const PickleValue& value, const std::string& what) {
  require(value.kind == Kind::kTuple, what, " is ", kind_name(value.kind), ", expected a tuple");
  std::vector<std::int64_t> numbers;
  for (const PickleValue* const item : value.items) {
    require(item->kind == Kind::kInteger, what, " holds ", kind_name(item->kind),
            ", expected integers");
    numbers.push_back(item->integer);
  }
  return numbers;
}

bool is_row_major(const std::vector<std::int64_t>& shape,
                  const std::vector<std::int64_t>& strides) {
  std::int64_t expected = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

/// Fails unless the view lies within its storage; sets offset, bytes and strides of `info`.
void place_view(TensorInfo& info, const Place& place, std::int64_t first, const std::string& what) {
  const std::uint64_t whole = tensor_bytes(info.dtype, info.shape, what);
  const std::uint64_t element = block_of(info.dtype).bytes, count = place.bytes / element;
  require(info.strides.size() == info.shape.size(), what, " has ", info.shape.size(),
          " dimensions but ", info.strides.size(), " strides");
  for (const std::int64_t stride : info.strides) {
    require(stride >= 0, what, " has the stride ", stride, "; expected none below 0");
  }
  info.offset = place.offset;
  if (whole == 0) return info.strides.clear();  // PyTorch lets an empty view begin anywhere

  const bool starts_within = first >= 0 && std::cmp_less(first, count);
  require(starts_within, what, " begins at element ", first, " of a storage of ", count);
  info.offset += static_cast<std::uint64_t>(first) * element;
  const std::uint64_t available = count - static_cast<std::uint64_t>(first);
  std::uint64_t last = 0;  // the element that lies farthest
  bool within = true;
  for (std::size_t i = 0; i < info.shape.size() && within; ++i) {
    const auto steps = static_cast<std::uint64_t>(info.shape[i]) - 1;
    const auto stride = static_cast<std::uint64_t>(info.strides[i]);
    within = steps == 0 || stride <= (available - 1 - last) / steps;
    if (within) last += steps * stride;
  }
  require(within, what, " goes beyond its storage of ", count, " elements; the file is damaged");
  // Repeated elements (strides of 0, windows that overlap) are harmless up to the storage's size:
  // a copy of the tensor then never needs more memory than the file has bytes.
  require(whole <= place.bytes, what, " shows ", whole / element, " elements of a storage of ",
          count, "; call .contiguous() on it before saving");
  info.bytes = (last + 1) * element;
  if (is_row_major(info.shape, info.strides)) info.strides.clear();
}

bool is_tensor(const PickleValue& value) {
  return value.kind == Kind::kCall;  // other calls are not allowed in the first place
}

TensorInfo parse_tensor(std::string_view name, const PickleValue& value, const Places& places,
                        const std::string& where) {
  const std::string what = concat(where, ": tensor '", printable(name), "'");
  const PickleValue* call = &value;
  if (call->text == kParameter) {
    call = tuple_of(*call, 2, 3, what)[0];
    require(is_tensor(*call) && call->text != kParameter, what, " is a parameter without a tensor");
  }
  const bool typed = call->text == kTensorWithDType;
  const auto& arguments = tuple_of(*call, typed ? 7 : 6, typed ? 8 : 7, what);
  require(arguments[0]->kind == Kind::kPersistent, what, " has no storage");
  const StorageId storage = parse_storage(*arguments[0], where);
  const auto dtype = typed ? dtype_from(kFirstDType, *arguments[6]) : storage.dtype;
  require(dtype.has_value(), what, " has no dtype");
  require(arguments[1]->kind == Kind::kInteger, what, " has no offset into its storage");

  TensorInfo info{std::string(name), *dtype, integers(*arguments[2], what + ": its shape")};
  info.strides = integers(*arguments[3], what + ": its strides");
  place_view(info, places.at(storage.key), arguments[1]->integer, what);
  return info;
}

bool holds_tensors(const PickleValue& dict) {
  const auto& items = dict.items;
  for (std::size_t i = 0; dict.kind == Kind::kDict && i < items.size(); i += 2) {
    if (items[i]->kind == Kind::kText && is_tensor(*items[i + 1])) return true;
  }
  return false;
}

/// The last one of that key, as in Python; null when there is none.
const PickleValue* find_member(const PickleValue& dict, std::string_view key) {
  for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
    const PickleValue& found = *dict.items[i - 2];
    if (found.kind == Kind::kText && found.text == key) return dict.items[i - 1];
  }
  return nullptr;
}

/// The dict that holds the weights. The members come first: a training program may well keep a
/// tensor of its own (the best loss) beside them.
const PickleValue& find_state_dict(const PickleValue& root, const std::string& where) {
  require(root.kind == Kind::kDict, where, ": it holds ", kind_name(root.kind),
          ", expected a dict of tensors: model.state_dict()");
  for (const std::string_view member : kMembers) {
    const PickleValue* const value = find_member(root, member);
    if (value && holds_tensors(*value)) return *value;
  }
  require(holds_tensors(root), where,
          ": no tensors in its dict, nor in a member 'model', 'state_dict' or 'model_state_dict'");
  return root;
}

std::vector<TensorInfo> parse_tensors(const PickleValue& root, const Places& places,
                                      const std::string& where) {
  const PickleValue& dict = find_state_dict(root, where);
  std::vector<TensorInfo> tensors;
  std::unordered_set<std::string_view> names;
  for (std::size_t i = 0; i < dict.items.size(); i += 2) {
    const PickleValue &key = *dict.items[i], &value = *dict.items[i + 1];
    if (key.kind != Kind::kText || !is_tensor(value)) continue;
    require(key.text.size() <= kMaxName, where, ": a tensor's name has ", key.text.size(),
            " bytes; at most ", kMaxName, " are accepted");
    require(names.insert(key.text).second, where, ": tensor '", printable(key.text),
            "' occurs twice");
    require(tensors.size() < kMaxTensors, where, ": more than ", kMaxTensors, " tensors");
    tensors.push_back(parse_tensor(key.text, value, places, where));
  }
  return tensors;
}

Pickle read_pickle(std::string_view bytes, const std::string& where) {
  return Pickle(bytes.substr(0, kMaxPickle), where, kAllowed);
}

/// The pickle's entry: NAME/data.pkl.
const ZipEntry& find_pickle(const ZipArchive& archive, const std::string& where) {
  constexpr std::string_view kPickle = "/data.pkl";
  const ZipEntry* found = nullptr;
  for (const auto& entry : archive.entries()) {
    if (!entry.name.ends_with(kPickle)) continue;
    if (entry.name.find('/') != entry.name.size() - kPickle.size()) continue;
    if (found) {
      fail(where, ": two entries are called data.pkl, '", printable(found->name), "' and '",
           printable(entry.name), "'");
    }
    found = &entry;
  }
  require(found, where,
          ": a zip archive without an entry NAME/data.pkl was not written by torch.save");
  require(found->bytes <= kMaxPickle, where, ": its data.pkl has ", found->bytes,
          " bytes; at most ", kMaxPickle, " are accepted");
  require(crc32(archive.content(*found)) == found->crc32, where, ": '", printable(found->name),
          "' does not have the checksum that the file gives for it; the file is damaged: fetch or "
          "copy it again");
  return *found;
}

/// What a container comes down to.
struct Content {
  std::vector<TensorInfo> tensors;
  std::vector<ChecksummedParts::Part> parts;
};

Content read_zip(std::string_view file, const std::string& where) {
  const ZipArchive archive(file, where);
  const ZipEntry& data = find_pickle(archive, where);
  const std::string prefix(data.name.substr(0, data.name.find('/') + 1));
  if (const ZipEntry* const order = archive.find(prefix + "byteorder")) {
    require(archive.content(*order) == "little", where, ": its byte order is '",
            printable(archive.content(*order), 40), "'; expected 'little'");
  }
  const std::string inside = where + ": data.pkl";
  const Pickle pickle = read_pickle(archive.content(data), inside);

  Content content;
  Places places;
  for (const PickleValue* const persistent : pickle.persistent()) {
    const StorageId id = parse_storage(*persistent, inside);
    const ZipEntry* const entry = archive.find(concat(prefix, "data/", id.key));
    require(entry, where, ": the storage '", printable(id.key),
            "' is missing; the file is incomplete");
    require(entry->bytes == id.bytes, where, ": the storage '", printable(id.key), "' has ",
            entry->bytes, " bytes, but the pickle says ", id.bytes, "; the file is damaged");
    if (!places.emplace(id.key, Place{entry->offset, entry->bytes}).second) continue;
    content.parts.push_back({entry->offset, entry->bytes, entry->crc32, entry->name});
  }
  content.tensors = parse_tensors(pickle.root(), places, inside);
  return content;
}

bool is_magic(const PickleValue& value) {
  return value.kind == Kind::kBigInteger && value.text == kOldMagic;
}

/// The older container's pickles, one after the other.
class OldReader {
 public:
  OldReader(std::string_view file, const std::string& where) : file_(file), where_(where) {}

  Content read() {
    require(is_magic(next("its magic number").root()), where_,
            ": a pickle, but not one of torch.save; expected a dict of tensors saved by it");
    const Pickle version = next("its version");
    require(version.root().kind == Kind::kInteger && version.root().integer == kOldProtocol, where_,
            ": its protocol version is not the expected ", kOldProtocol);
    check_system(next("its facts about the system").root());
    const Pickle object = next("its object");
    const Pickle keys = next("its list of storages");
    const Places places = read_places(object, keys.root());
    Content content;
    content.tensors = parse_tensors(object.root(), places, where_ + ": its object");
    return content;
  }

 private:
  std::string_view file_;
  const std::string& where_;
  std::size_t at_ = 0;

  Pickle next(const char* which) {
    Pickle pickle =
        read_pickle(file_.substr(at_), concat(where_, ": ", which, " (from byte ", at_, ")"));
    at_ += pickle.size();
    return pickle;
  }

  void check_system(const PickleValue& facts) const {
    const auto& items = facts.items;
    for (std::size_t i = 0; facts.kind == Kind::kDict && i < items.size(); i += 2) {
      const bool big = items[i]->kind == Kind::kText && items[i]->text == "little_endian" &&
                       items[i + 1]->kind == Kind::kBool && items[i + 1]->integer == 0;
      require(!big, where_, ": its numbers are big-endian; expected little-endian ones");
    }
  }

  /// Follows the storages to the end of the file.
  Places read_places(const Pickle& object, const PickleValue& keys) {
    std::map<std::string_view, StorageId> ids;
    for (const PickleValue* const persistent : object.persistent()) {
      const StorageId id = parse_storage(*persistent, where_);
      const auto& known = ids.emplace(id.key, id).first->second;
      require(known.bytes == id.bytes && known.element_bytes() == id.element_bytes(), where_,
              ": the storage '", printable(id.key), "' has two sizes; the file is damaged");
    }
    require(keys.kind == Kind::kList, where_, ": its list of storages is ", kind_name(keys.kind));
    Places places;
    for (const PickleValue* const key : keys.items) {
      const auto id = key->kind == Kind::kText ? ids.find(key->text) : ids.end();
      require(id != ids.end(), where_, ": a storage is listed that nothing refers to");
      const Place place = next_storage(id->second);
      require(places.emplace(id->first, place).second, where_, ": the storage '",
              printable(id->first), "' is listed twice");
    }
    for (const auto& [key, id] : ids) {
      require(places.contains(key), where_, ": the storage '", printable(key),
              "' is missing; the file is incomplete");
    }
    require(at_ == file_.size(), where_, ": ", file_.size() - at_,
            " bytes follow the last storage; the file is damaged");
    return places;
  }

  Place next_storage(const StorageId& id) {
    std::uint64_t count = 0;
    require(file_.size() - at_ >= sizeof count, where_, ": the file ends before the storage '",
            printable(id.key), "'; it is incomplete");
    std::memcpy(&count, file_.data() + at_, sizeof count);
    at_ += sizeof count;
    require(count == id.bytes / id.element_bytes(), where_, ": the storage '", printable(id.key),
            "' has ", count, " elements, but the pickle says ", id.bytes / id.element_bytes(),
            "; the file is damaged");
    require(id.bytes <= file_.size() - at_, where_, ": the storage '", printable(id.key),
            "' needs ", id.bytes, " bytes, but only ", file_.size() - at_,
            " are left; the file is incomplete");
    const Place place{at_, id.bytes};
    at_ += id.bytes;
    return place;
  }
};

}  // namespace

TorchCheckpoint::TorchCheckpoint(const fs::path& path) : file_(path) {
  const std::string where = printable(path.string(), 400);
  const std::string_view file = file_.text();
  require_real_file(file, where);
  const bool zip = ZipArchive::looks_like_one(file);
  require(zip || file.starts_with('\x80'), where,
          ": neither a zip archive nor a pickle, so no file of torch.save");
  Content content = zip ? read_zip(file, where) : OldReader(file, where).read();
  tensors_ = std::move(content.tensors);
  storages_ = ChecksummedParts(std::move(content.parts), crc32, where);
}

std::span<const std::byte> TorchCheckpoint::bytes(const TensorInfo& tensor) const {
  if (const auto* const part = storages_.find(tensor.offset); part && tensor.bytes > 0) {
    storages_.check(*part, file_.text().substr(part->offset, part->bytes),
                    printable(path().string(), 400));
  }
  return file_.bytes().subspan(tensor.offset, tensor.bytes);
}

}  // namespace gptkit
