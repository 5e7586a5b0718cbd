#include "base/descriptor.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace gptkit {

std::string shown(const fs::path& path) { return concat("'", printable(path.string(), 400), "'"); }

std::string reason(int code) { return std::generic_category().message(code); }

namespace {

/// The path under which an output is to appear, whatever it is called while it is written.
fs::path final_name(const fs::path& path) {
  fs::path final;
  for (const auto& part : path) {
    const std::string name = part.string();
    final /= is_leftover(name) ? name.substr(0, name.rfind(".tmp-")) : name;
  }
  return final;
}

}  // namespace

[[noreturn]] void fail_reading(const fs::path& path, int code) {
  constexpr std::array kInput = {ENOENT, EACCES, EPERM, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG};
  const bool input = std::find(kInput.begin(), kInput.end(), code) != kInput.end();
  throw Error(input ? Error::Kind::kInput : Error::Kind::kRuntime,
              concat("cannot read ", shown(path), ": ", reason(code)));
}

[[noreturn]] void fail_writing(const fs::path& temporary, int code) {
  const fs::path path = final_name(temporary);
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (code == ENOENT && !fs::exists(folder, ignored)) {
    fail_runtime("cannot write ", shown(path), ": the folder ", shown(folder), " does not exist");
  }
  fail_runtime("cannot write ", shown(path), ": ", reason(code));
}

[[noreturn]] void fail_writing_bytes(const fs::path& path, int code, std::string_view bytes) {
  if (code == EFAULT) {
    const auto lost = lost_page(bytes.data());
    if (lost.path) fail_runtime(lost.path, ": ", lost.reason);
  }
  fail_writing(path, code);
}

int open_to_read(const fs::path& path, struct stat& info) {
  Descriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) fail_reading(path, errno);
  require(!S_ISDIR(info.st_mode), shown(path), " is a folder; expected a file");
  return file.release();
}

std::uint64_t size_of(int fd) {
  struct stat info {};
  const bool known = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
  return known ? static_cast<std::uint64_t>(info.st_size) : 0;
}

void read_pieces(int fd, const fs::path& path, const std::function<void(std::string_view)>& take) {
  const auto size = size_of(fd);
  constexpr std::size_t kBuffer = std::size_t{1} << 18;
  const auto piece = std::make_unique<char[]>(kBuffer);
  for (;;) {
    const ssize_t n = uninterrupted([&] { return ::read(fd, piece.get(), kBuffer); });
    if (n < 0) fail_reading(path, errno);
    if (n == 0) break;
    take(std::string_view(piece.get(), static_cast<std::size_t>(n)));
  }
  if (size_of(fd) < size) fail_runtime(shown(path), ": ", kCutShort);
}

std::optional<std::string> pipe_content(const fs::path& path, std::uint64_t max_bytes) {
  static std::mutex mutex;
  static std::map<std::pair<dev_t, ino_t>, std::string> kept;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISFIFO(info.st_mode)) return std::nullopt;
  const std::scoped_lock lock(mutex);
  const std::pair id(info.st_dev, info.st_ino);
  if (const auto found = kept.find(id); found != kept.end()) return found->second;
  const Descriptor file(open_to_read(path, info));
  std::string content;
  read_pieces(file.get(), path, [&](std::string_view piece) {
    content += piece;
    if (content.size() > max_bytes) {
      fail_too_large(path, concat("at least ", content.size()), max_bytes);
    }
  });
  return kept.emplace(id, std::move(content)).first->second;
}

void fail_too_large(const fs::path& path, const std::string& size, std::uint64_t max_bytes) {
  fail(shown(path), " holds ", size, " bytes; at most ", max_bytes, " are accepted");
}

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (n < 0) fail_writing_bytes(path, errno, bytes);
    if (n == 0) fail_writing(path, EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void sync(int fd, const fs::path& path) {
  if (uninterrupted([&] { return ::fsync(fd); }) == 0) return;
  if (errno == EINVAL || errno == EROFS || errno == ENOTSUP) return;
  fail_writing(path, errno);
}

void close_checked(int fd, const fs::path& path) {
  if (::close(fd) != 0 && errno != EINTR) fail_writing(path, errno);
}

void sync_path(const fs::path& path, int flags) {
  Descriptor opened(
      uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags); }));
  if (opened.get() < 0) fail_writing(path, errno);
  sync(opened.get(), path);
}

void sync_folder(const fs::path& folder) {
  sync_path(folder.empty() ? fs::path(".") : folder, O_DIRECTORY);
}

void walk(const fs::path& folder, const std::function<void(const fs::directory_entry&)>& visit) {
  std::error_code code;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    entries.push_back(*it);
  }
  if (code) fail_reading(folder, code.value());
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    if (entry.symlink_status(code).type() == fs::file_type::directory) walk(entry.path(), visit);
    visit(entry);
  }
}

bool is_leftover(const std::string& name) {
  constexpr std::string_view kDigits = "0123456789";
  const auto at = name.rfind(".tmp-");
  if (at == std::string::npos) return false;
  const std::string_view tail = std::string_view(name).substr(at + 5);
  if (tail == "removed") return true;  // a folder whose removal was cut short
  const auto dash = tail.find('-');
  if (dash == 0 || dash == std::string_view::npos || dash + 1 == tail.size()) return false;
  return tail.substr(0, dash).find_first_not_of(kDigits) == std::string_view::npos &&
         tail.substr(dash + 1).find_first_not_of(kDigits) == std::string_view::npos;
}

}  // namespace gptkit
