#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <system_error>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gptkit {
namespace {

constexpr const char* kManifest = "manifest.json";

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
      fail_runtime("OpenSSL offers no SHA-256");
    }
  }

  void update(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
      fail_runtime("OpenSSL failed to compute a SHA-256");
    }
  }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &length) != 1) {
      fail_runtime("OpenSSL failed to compute a SHA-256");
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
      out += kHex[digest[i] >> 4];
      out += kHex[digest[i] & 15];
    }
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_of_file(const fs::path& path) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  Sha256 digest;
  read_pieces(file.get(), path, [&](std::string_view piece) { digest.update(piece); });
  return digest.hex();
}

void write_manifest(const fs::path& folder) {
  Json files = Json::object();
  walk(folder, [&](const fs::directory_entry& entry) {
    std::error_code code;
    const auto type = entry.symlink_status(code).type();
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (type == fs::file_type::directory || name == kManifest || name == kLockFile) return;
    if (is_leftover(entry.path().filename().string())) return;
    require(type != fs::file_type::not_found, shown(entry.path()),
            " was removed by somebody while it was being saved");
    require(type == fs::file_type::regular, shown(entry.path()),
            " is not a regular file; a manifest lists nothing else");
    files[name] = {{"bytes", fs::file_size(entry.path(), code)},
                   {"sha256", sha256_of_file(entry.path())}};
    if (code) fail_reading(entry.path(), code.value());
  });
  write_file_atomic(folder / kManifest, dump_json(Json{{"files", files}}, 1) + "\n");
}

void verify_manifest(const fs::path& folder) {
  const fs::path manifest = folder / kManifest;
  const std::string where = printable(manifest.string(), 400);
  const Json document = parse_json(read_file(manifest, std::uint64_t{1} << 26), where);
  require(document.is_object() && document.contains("files") && document["files"].is_object(),
          where, ": expected {\"files\": {...}}");
  for (const auto& [name, entry] : document["files"].items()) {
    const fs::path relative(name);
    fs::path path = folder;
    for (const auto& part : relative) {
      require(relative.is_relative() && part != ".." && !part.empty() &&
                  name.find('\0') == std::string::npos,
              where, ": '", printable(name), "' would leave the folder");
      path /= part;
      std::error_code ignored;
      require(!fs::is_symlink(path, ignored), shown(path), " is a link; ", where,
              " vouches for regular files only");
    }
    const auto what = concat(where, ": file '", printable(name), "'");
    const std::int64_t bytes = json_int(entry, "bytes", what);
    const std::string digest = json_string(entry, "sha256", what);
    std::error_code code;
    require(fs::is_regular_file(path, code), shown(path), " is missing, but ", where,
            " lists it; the copy is incomplete");
    const auto found = fs::file_size(path, code);
    if (code) fail_reading(path, code.value());
    require(std::cmp_equal(found, bytes), shown(path), " has ", found, " bytes; ", where, " says ",
            bytes, "; the file is damaged or from another save");
    require(sha256_of_file(path) == digest, shown(path), " does not match its SHA-256 in ", where,
            "; the file is damaged or from another save");
  }
}

}  // namespace gptkit
