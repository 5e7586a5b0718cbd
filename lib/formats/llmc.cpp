#include "formats/llmc.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "base/error.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie on disk");

constexpr std::size_t kHeaderNumbers = 256;
constexpr std::uint64_t kHeaderBytes = kHeaderNumbers * sizeof(std::int32_t);
constexpr std::int32_t kMagic = 20240326, kFloat32Version = 3, kBFloat16Version = 5;
constexpr std::int64_t kPadding = 128;
constexpr std::int64_t kMaxLayers = 4096;  // each is listed, however few bytes it has

using Numbers = std::array<std::int32_t, kHeaderNumbers>;

/// One kind of tensor of a layer; sizes in channels, columns 0: a vector.
struct LayerTensor {
  const char* name;
  std::int64_t rows, columns;
};

constexpr LayerTensor kLayerTensors[] = {
    {"ln_1.weight", 1, 0},      {"ln_1.bias", 1, 0},          {"attn.c_attn.weight", 3, 1},
    {"attn.c_attn.bias", 3, 0}, {"attn.c_proj.weight", 1, 1}, {"attn.c_proj.bias", 1, 0},
    {"ln_2.weight", 1, 0},      {"ln_2.bias", 1, 0},          {"mlp.c_fc.weight", 4, 1},
    {"mlp.c_fc.bias", 4, 0},    {"mlp.c_proj.weight", 1, 4},  {"mlp.c_proj.bias", 1, 0},
};

void check_shape(const LlmcShape& shape, const std::string& where) {
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  const auto check = [&](const char* what, std::int64_t value, std::int64_t most) {
    require(value >= 1 && value <= most, where, ": ", what, " is ", value, "; expected 1 to ",
            most);
  };
  check("the longest sequence", shape.max_seq_len, kMax);
  check("the vocabulary size", shape.vocab_size, kMax);
  check("the number of layers", shape.num_layers, kMaxLayers);
  check("the number of heads", shape.num_heads, kMax);
  check("the number of channels", shape.channels, kMax / 4);
  check("the padded vocabulary size", shape.padded_vocab_size, kMax);
  require(shape.padded_vocab_size >= shape.vocab_size, where, ": the padded vocabulary size ",
          shape.padded_vocab_size, " is less than the vocabulary size ", shape.vocab_size);
  require(shape.channels % shape.num_heads == 0, where, ": ", shape.channels,
          " channels cannot be divided among ", shape.num_heads, " heads");
}

/// The size of the file: what the tensors below add up to.
std::uint64_t file_bytes(const LlmcShape& shape, DType dtype, const std::string& where) {
  check_shape(shape, where);
  const auto C = static_cast<std::uint64_t>(shape.channels);
  const auto rows = static_cast<std::uint64_t>(shape.padded_vocab_size + shape.max_seq_len + 2);
  const std::uint64_t layer = 12 * C * C + 13 * C, rest = rows * C;  // each below 2^62
  const std::uint64_t element = block_of(dtype).bytes;
  const std::uint64_t most = std::numeric_limits<std::int64_t>::max() / element - kHeaderBytes;
  const auto layers = static_cast<std::uint64_t>(shape.num_layers);
  require(rest <= most && layer <= (most - rest) / layers, where, ": its sizes overflow 64 bits");
  return kHeaderBytes + (rest + layers * layer) * element;
}

/// Where each tensor lies in a file whose size is known to be right.
std::vector<TensorInfo> lay_out(const LlmcShape& shape, DType dtype, const std::string& where) {
  const std::int64_t C = shape.channels;
  std::vector<TensorInfo> tensors;
  std::uint64_t end = kHeaderBytes;
  const auto add = [&](std::string name, std::vector<std::int64_t> sizes) {
    const std::uint64_t bytes = tensor_bytes(dtype, sizes, where);
    tensors.push_back({std::move(name), dtype, std::move(sizes), end, bytes});
    end += bytes;
  };
  add("transformer.wte.weight", {shape.vocab_size, C});
  end += tensor_bytes(dtype, {shape.padded_vocab_size - shape.vocab_size, C}, where);
  add("transformer.wpe.weight", {shape.max_seq_len, C});
  for (const auto& [name, rows, columns] : kLayerTensors) {
    for (std::int64_t layer = 0; layer < shape.num_layers; ++layer) {
      auto sizes = std::vector<std::int64_t>{rows * C};
      if (columns > 0) sizes.push_back(columns * C);
      add(concat("transformer.h.", layer, ".", name), std::move(sizes));
    }
  }
  add("transformer.ln_f.weight", {C});
  add("transformer.ln_f.bias", {C});
  return tensors;
}

DType parse_version(std::int32_t version, const std::string& where) {
  require(version == kFloat32Version || version == kBFloat16Version, where, ": it is of version ",
          version, "; expected 3 (float32) or 5 (bfloat16). Older ones: run a newer train_gpt2.py");
  return version == kFloat32Version ? DType::kFloat32 : DType::kBFloat16;
}

LlmcShape padded(LlmcShape shape) {
  // Beyond 32 bits check_shape refuses it anyway.
  const bool sane = shape.vocab_size >= 0 &&
                    shape.vocab_size <= std::numeric_limits<std::int32_t>::max() - kPadding;
  if (shape.padded_vocab_size == 0 && sane) {
    shape.padded_vocab_size = (shape.vocab_size + kPadding - 1) / kPadding * kPadding;
  }
  return shape;
}

Numbers header_of(const LlmcShape& shape, DType dtype) {
  Numbers numbers{};
  numbers[0] = kMagic;
  numbers[1] = dtype == DType::kFloat32 ? kFloat32Version : kBFloat16Version;
  numbers[2] = static_cast<std::int32_t>(shape.max_seq_len);
  numbers[3] = static_cast<std::int32_t>(shape.vocab_size);
  numbers[4] = static_cast<std::int32_t>(shape.num_layers);
  numbers[5] = static_cast<std::int32_t>(shape.num_heads);
  numbers[6] = static_cast<std::int32_t>(shape.channels);
  numbers[7] = static_cast<std::int32_t>(shape.padded_vocab_size);
  return numbers;
}

}  // namespace

LlmcFile::LlmcFile(const fs::path& path) : file_(path) {
  const std::string where = printable(path.string(), 400);
  require_real_file(file_.text(), where);
  require(file_.size() >= kHeaderBytes, where, ": ", file_.size(),
          " bytes are no checkpoint of llm.c, whose header has ", kHeaderBytes);
  Numbers numbers{};
  std::memcpy(numbers.data(), file_.text().data(), kHeaderBytes);
  require(numbers[0] == kMagic, where, ": it begins with ", numbers[0],
          ", a checkpoint of llm.c with ", kMagic);
  const DType dtype = parse_version(numbers[1], where);
  shape_ = {numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7]};
  // Before the tensors are listed, so that no more of them are than the file has room for.
  const std::uint64_t end = file_bytes(shape_, dtype, where);
  require(file_.size() == end, where, ": it has ", file_.size(), " bytes, but its header asks for ",
          end, file_.size() < end ? "; the file is incomplete" : "; the rest belongs to no tensor");
  tensors_ = lay_out(shape_, dtype, where);
}

LlmcWriter::LlmcWriter(const fs::path& path, const LlmcShape& shape, DType dtype) : file_(path) {
  const std::string where = printable(path.string(), 400);
  require(dtype == DType::kFloat32 || dtype == DType::kBFloat16, where, ": llm.c has no dtype ",
          name(dtype), "; expected float32 or bfloat16");
  const LlmcShape whole = padded(shape);
  file_bytes(whole, dtype, where);  // fails for impossible sizes
  tensors_ = lay_out(whole, dtype, where);
  for (const auto& tensor : tensors_) missing_.emplace(tensor.name, &tensor);
  const Numbers numbers = header_of(whole, dtype);
  file_.write({reinterpret_cast<const char*>(numbers.data()), kHeaderBytes});
}

void LlmcWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto found = missing_.find(name);
  require(found != missing_.end(), "tensor '", printable(name),
          "' is not one of llm.c's, or was already written");
  const TensorInfo& tensor = *found->second;
  require(bytes.size() == tensor.bytes, "tensor '", printable(name), "' has ", bytes.size(),
          " bytes; its shape and dtype need ", tensor.bytes);
  missing_.erase(found);
  // The padding's rows stay unwritten: the file reads as zeros there.
  file_.write_at(tensor.offset, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void LlmcWriter::commit() {
  require(missing_.empty(), "tensor '",
          missing_.empty() ? std::string_view() : missing_.begin()->first, "' was never written");
  file_.commit();
}

}  // namespace gptkit
