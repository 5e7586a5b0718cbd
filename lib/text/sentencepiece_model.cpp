#include "text/sentencepiece_model.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::size_t kMaxPieces = kMaxSentencePieces;
constexpr std::size_t kMaxPieceBytes = 1024;

/// One field of a protocol buffer message after the other.
class WireReader {
 public:
  WireReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  /// Moves to the next field; false at the end.
  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = varint();
    field_ = tag >> 3;
    check(field_ > 0);
    payload_ = {};
    number_ = 0;
    wire_type_ = static_cast<int>(tag & 7);
    if (wire_type_ == 0) {
      number_ = varint();
    } else if (wire_type_ == 1) {
      payload_ = take(8);
    } else if (wire_type_ == 2) {
      payload_ = take(varint());
    } else {
      check(wire_type_ == 5);
      payload_ = take(4);
    }
    return true;
  }

  std::uint64_t field() const { return field_; }
  std::string_view message() const { return check(wire_type_ == 2), payload_; }
  std::uint64_t number() const { return check(wire_type_ == 0), number_; }
  float real() const {
    check(wire_type_ == 5);
    float value = 0;
    std::memcpy(&value, payload_.data(), sizeof value);
    return value;
  }

 private:
  std::string_view bytes_, payload_;
  const std::string& where_;
  std::uint64_t field_ = 0, number_ = 0;
  int wire_type_ = 0;

  void check(bool ok) const {
    require(ok, where_, ": not a SentencePiece model, or a damaged one");
  }
  std::string_view take(std::uint64_t n) {
    check(n <= bytes_.size());
    const auto taken = bytes_.substr(0, n);
    bytes_.remove_prefix(n);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    check(false);
    return 0;
  }
};

}  // namespace

int byte_of_piece(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const auto high = kHex.find(text[3]), low = kHex.find(text[4]);
  return high == kHex.npos || low == kHex.npos ? -1 : static_cast<int>(high * 16 + low);
}

namespace {

SentencePiece read_piece(std::string_view bytes, std::size_t id, const std::string& where) {
  SentencePiece piece;
  for (WireReader reader(bytes, where); reader.next();) {
    if (reader.field() == 1) piece.text = reader.message();
    if (reader.field() == 2) piece.score = reader.real();
    if (reader.field() == 3) {
      require(reader.number() >= 1 && reader.number() <= 6, where, ": piece ", id, " has type ",
              reader.number(), ", expected 1 to 6");
      piece.type = static_cast<PieceType>(reader.number());
    }
  }
  require(!piece.text.empty() && piece.text.size() <= kMaxPieceBytes, where, ": piece ", id,
          " has ", piece.text.size(), " bytes, expected 1 to ", kMaxPieceBytes);
  require(is_valid_utf8(piece.text), where, ": piece ", id, " is not UTF-8");
  // The library's table of user-defined pieces takes a NUL for the end of a text.
  require(piece.text.find('\0') == std::string::npos, where, ": piece ", id, " holds a NUL");
  require(std::isfinite(piece.score), where, ": piece ", id, " has the score ", piece.score);
  require(piece.type != PieceType::kByte || byte_of_piece(piece.text) >= 0, where, ": piece ", id,
          " is of type byte but not named like <0x41>");
  return piece;
}

/// The normalisation table is a Darts double array (4 bytes a unit) behind its size, then the
/// replacements, each ended by NUL. The library follows its offsets unchecked.
void check_charsmap(std::string_view table, const std::string& where) {
  if (table.empty()) return;
  const auto damaged = [&](bool ok) { require(ok, where, ": the normalisation table is damaged"); };
  const auto number_at = [&](std::size_t at) {
    const auto* b = reinterpret_cast<const unsigned char*>(table.data() + at);
    return std::uint32_t{b[0]} | std::uint32_t{b[1]} << 8 | std::uint32_t{b[2]} << 16 |
           std::uint32_t{b[3]} << 24;
  };
  damaged(table.size() > 4);
  const std::size_t trie_bytes = number_at(0);
  damaged(trie_bytes >= 1024 && trie_bytes % 1024 == 0 && trie_bytes < table.size() - 4);
  const std::size_t units = trie_bytes / 4, texts = table.size() - 4 - trie_bytes;
  damaged(table.back() == '\0');
  for (std::size_t i = 0; i < units; ++i) {
    const std::uint32_t unit = number_at(4 + 4 * i);
    if (unit >> 31) {
      damaged((unit & 0x7fffffff) < texts);  // a leaf: where its replacement begins
    } else {
      const std::size_t offset = static_cast<std::size_t>(unit >> 10) << ((unit & 0x200) >> 6);
      damaged(((i ^ offset) | 0xff) < units);  // its children lie in one block of 256
    }
  }
}

}  // namespace

SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  for (WireReader reader(bytes, where); reader.next();) {
    if (reader.field() == 1) {
      require(model.pieces.size() < kMaxPieces, where, ": more than ", kMaxPieces, " pieces");
      model.pieces.push_back(read_piece(reader.message(), model.pieces.size(), where));
    } else if (reader.field() == 2) {
      for (WireReader spec(reader.message(), where); spec.next();) {
        if (spec.field() == 3) model.algorithm = static_cast<std::int64_t>(spec.number());
        if (spec.field() == 24) model.blank_as_suffix = spec.number() != 0;
        if (spec.field() == 35) model.byte_fallback = spec.number() != 0;
      }
    } else if (reader.field() == 3 || reader.field() == 5) {
      const bool normalizer = reader.field() == 3;
      for (WireReader spec(reader.message(), where); spec.next();) {
        if (spec.field() == 2) {
          check_charsmap(spec.message(), where);
          if (!spec.message().empty()) model.normalizes = true;
        }
        if (normalizer && spec.field() == 3) model.dummy_prefix = spec.number() != 0;
        if (normalizer && spec.field() == 4) model.remove_extra_blanks = spec.number() != 0;
      }
    }
  }
  require(!model.pieces.empty(), where, ": not a SentencePiece model: it has no pieces");
  require(model.algorithm >= 1 && model.algorithm <= 4, where, ": unknown model type ",
          model.algorithm);
  require(!model.blank_as_suffix, where,
          ": models trained with treat_whitespace_as_suffix are not supported");
  return model;
}

namespace {

/// Writes the fields of a protocol buffer message one after the other.
class WireWriter {
 public:
  WireWriter& number(std::uint64_t field, std::uint64_t value) {
    varint(field << 3);
    return varint(value);
  }
  WireWriter& message(std::uint64_t field, std::string_view bytes) {
    varint(field << 3 | 2);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  WireWriter& real(std::uint64_t field, float value) {
    varint(field << 3 | 5);
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;

  WireWriter& varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }
};

}  // namespace

std::string piece_bytes(std::span<const SentencePiece> pieces) {
  WireWriter model;
  for (const SentencePiece& piece : pieces) {
    WireWriter fields;
    fields.message(1, piece.text).real(2, piece.score);
    fields.number(3, static_cast<std::uint64_t>(piece.type));
    model.message(1, fields.bytes());
  }
  return model.bytes();
}

std::string bpe_model_bytes(const SentencePieceBpe& model) {
  constexpr std::uint64_t kBpe = 2;
  WireWriter trainer, normalizer, specs;
  trainer.number(3, kBpe).number(4, model.pieces.size()).number(35, 1);
  // The library finds each role by its piece, and takes its own names where none is said.
  const auto role = [&](std::uint64_t id_field, std::uint64_t text_field,
                        const std::optional<TokenId>& id) {
    if (!id) return;
    trainer.number(id_field, static_cast<std::uint64_t>(*id));
    trainer.message(text_field, model.pieces[static_cast<std::size_t>(*id)].text);
  };
  role(40, 45, model.unknown);
  role(41, 46, model.begin);
  role(42, 47, model.end);
  role(43, 48, model.pad);
  normalizer.message(1, "identity").number(3, model.dummy_prefix ? 1 : 0);
  normalizer.number(4, 0).number(5, 1);
  specs.message(2, trainer.bytes()).message(3, normalizer.bytes());
  return piece_bytes(model.pieces) + specs.bytes();
}

}  // namespace gptkit
