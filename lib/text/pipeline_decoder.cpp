#include "text/pipeline_decoder.h"

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_pipeline.h"

namespace gptkit {

namespace {

/// The byte of "<0xC3>"; -1 for other texts.
int byte_of_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  int byte = 0;
  for (const char c : text.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'F';
    const bool lower = c >= 'a' && c <= 'f';
    if (!digit && !upper && !lower) return -1;
    byte = byte * 16 + (digit ? c - '0' : upper ? c - 'A' + 10 : c - 'a' + 10);
  }
  return byte;
}

void read_strip(const Json& part, const std::string& where, PipelineDecoder& decoder) {
  decoder.strip = json_string(part, "content", where);
  decoder.strip_left = json_int(part, "start", where, 0);
  decoder.strip_right = json_int(part, "stop", where, 0);
  require(!decoder.strip.empty() && decoder.strip_left >= 0 && decoder.strip_right >= 0, where,
          ": a Strip of '", printable(decoder.strip), "', ", decoder.strip_left, " and ",
          decoder.strip_right, " times, is not supported");
}

}  // namespace

std::string PipelineDecoder::text_of(std::string_view token) const {
  if (byte_level) return byte_level_bytes(token).value_or(std::string(token));
  std::string text(token);
  for (const auto& [pattern, content] : replacements) text = replaced(text, pattern, content);
  if (const int byte = byte_fallback ? byte_of_token(text) : -1; byte >= 0) {
    return std::string(1, static_cast<char>(byte));
  }
  return metaspace.empty() ? text : replaced(text, metaspace, " ");
}

std::string PipelineDecoder::stripped(std::string text) const {
  for (std::int64_t n = 0; n < strip_left && text.starts_with(strip); ++n) {
    text.erase(0, strip.size());
  }
  for (std::int64_t n = 0; n < strip_right && text.ends_with(strip); ++n) {
    text.resize(text.size() - strip.size());
  }
  return text;
}

PipelineDecoder read_pipeline_decoder(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": decoder";
  PipelineDecoder decoder;
  bool fused = false, last = false;
  const auto parts = pipeline_parts(file, "decoder", "decoders", where);
  for (const Json& part : parts) {
    const std::string type = json_string(part, "type", where);
    require(!last, where, ": ", printable(type), " behind the last step is not supported");
    if (type == "Replace" && !decoder.byte_fallback && !fused) {
      decoder.replacements.emplace_back(fixed_pattern(part, where + ": Replace"),
                                        json_string(part, "content", where));
    } else if (type == "ByteFallback" && !fused) {
      decoder.byte_fallback = true;
    } else if (type == "Fuse") {
      fused = true;
    } else if (type == "Strip" && fused) {
      read_strip(part, where, decoder);
      last = true;
    } else if (type == "ByteLevel" && parts.size() == 1) {
      decoder.byte_level = true;
    } else if (type == "Metaspace" && parts.size() == 1) {
      decoder.metaspace = json_string(part, "replacement", where);
      const bool prefix = json_bool(part, "add_prefix_space", where, true);  // of older files
      decoder.drop_first =
          json_string(part, "prepend_scheme", where, prefix ? "always" : "never") != "never";
    } else {
      fail(where, ": unsupported decoder ", printable(type), " at this place; expected ByteLevel, ",
           "Metaspace, or a Sequence of Replace, ByteFallback, Fuse and Strip in this order");
    }
  }
  require(!parts.empty(), where, ": unsupported decoder none; it would put blanks between tokens");
  return decoder;
}

}  // namespace gptkit
