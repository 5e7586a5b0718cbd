#include "base/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "base/descriptor.h"
#include "base/error.h"

namespace gptkit {

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  if (auto piped = pipe_content(path, max_bytes)) return *std::move(piped);
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  std::string content;
  if (S_ISREG(info.st_mode)) {
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > max_bytes) fail_too_large(path, concat(size), max_bytes);
    content.reserve(static_cast<std::size_t>(size));
  }
  read_pieces(file.get(), path, [&](std::string_view piece) {
    content += piece;
    if (content.size() > max_bytes) {
      fail_too_large(path, concat("at least ", content.size()), max_bytes);
    }
  });
  return content;
}

namespace {

/// The type bits of a name's mode; 0 when there is nothing.
mode_t type_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return info.st_mode & S_IFMT;
  if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) fail_reading(path, errno);
  return 0;
}

bool begins_with(std::string_view content, std::string_view lower) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return content.size() >= lower.size() && std::equal(lower.begin(), lower.end(), content.begin(),
                                                      [&](char b, char a) { return same(a, b); });
}

}  // namespace

bool is_there(const fs::path& path) { return type_of(path) != 0; }
bool is_folder(const fs::path& path) { return type_of(path) == S_IFDIR; }
bool is_regular(const fs::path& path) { return type_of(path) == S_IFREG; }

void refuse_lfs_pointer(std::string_view content, const std::string& where) {
  require(!content.starts_with("version https://git-lfs.github.com/spec/"), where,
          ": this is a git-LFS pointer, not the file itself; fetch it with 'git lfs pull'");
}

void require_real_file(std::string_view content, const std::string& where) {
  refuse_lfs_pointer(content, where);
  const auto begin = content.find_first_not_of(" \t\r\n");
  const auto text = content.substr(std::min(begin, content.size()));
  for (const char* page : {"<!doctype html", "<html", "<head", "<?xml"}) {
    require(!begins_with(text, page), where,
            ": this is a web page, not the file itself; download it again");
  }
  // What huggingface.co answers instead of a file: a line of text, or {"error": ...}.
  for (const char* answer : {"entry not found", "repository not found", "file not found",
                             "not found", "invalid username or password", "invalid credentials",
                             "access to model", "404", "401", "{\"error\":\""}) {
    require(text.size() > 1000 || !begins_with(text, answer), where,
            ": this is the text that a server sent instead of the file ('", printable(text, 60),
            "'); download it again");
  }
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path path = folder / kLockFile;
  Descriptor file(
      uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); }));
  if (file.get() < 0) fail_writing(path, errno);
  if (uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) fail_runtime("cannot lock ", shown(path), ": ", reason(errno));
    std::array<char, 32> text{};
    const ssize_t n = ::pread(file.get(), text.data(), text.size() - 1, 0);
    long holder = 0;
    if (n > 0) std::from_chars(text.data(), text.data() + n, holder);
    const std::string who = holder > 0 ? concat("process ", holder) : "another process";
    fail_runtime(shown(folder), " is in use by ", who,
                 "; wait for it or stop it, or choose another folder");
  }
  const std::string pid = concat(::getpid(), "\n");
  if (::ftruncate(file.get(), 0) != 0) fail_writing(path, errno);
  write_all(file.get(), pid, path);
  fd_ = file.release();
}

FolderLock::~FolderLock() { ::close(fd_); }

fs::path gptkit_home() {
  const auto variable = [](const char* name) -> fs::path {
    const char* const value = std::getenv(name);
    return value ? value : "";
  };
  if (fs::path home = variable("GPTKIT_HOME"); !home.empty()) return home;
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "gptkit";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "gptkit";
  const passwd* const user = ::getpwuid(::getuid());
  require(user && user->pw_dir, "no home folder is known; set GPTKIT_HOME");
  return fs::path(user->pw_dir) / ".cache" / "gptkit";
}

}  // namespace gptkit
