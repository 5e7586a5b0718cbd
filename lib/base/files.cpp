#include "base/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace gptkit {
MappedFile::MappedFile(const fs::path& path) : path_(path) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  if (S_ISREG(info.st_mode) && info.st_size > 0) {
    size_ = static_cast<std::size_t>(info.st_size);
    void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
    data_ = static_cast<const char*>(at);
    backed_ = true;
    return;
  }
  // Pipes and the files of /proc have no size and no map: an anonymous one holds what they give.
  std::string content;
  read_pieces(file.get(), path, [&](std::string_view piece) { content += piece; });
  if (content.empty()) return;
  void* const at =
      ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
  std::memcpy(at, content.data(), content.size());
  data_ = static_cast<const char*>(at);
  size_ = content.size();
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      backed_(other.backed_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(backed_, other.backed_);
  return *this;
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (!backed_ || part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  const auto refuse = [&](auto bytes, const char* at_least) {
    fail(shown(path), " holds ", at_least, bytes, " bytes; at most ", max_bytes, " are accepted");
  };
  std::string content;
  if (S_ISREG(info.st_mode)) {
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > max_bytes) refuse(size, "");
    content.reserve(static_cast<std::size_t>(size));
  }
  read_pieces(file.get(), path, [&](std::string_view piece) {
    content += piece;
    if (content.size() > max_bytes) refuse(content.size(), "at least ");
  });
  return content;
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
  if (const fs::path home = variable("GPTKIT_HOME"); !home.empty()) return home;
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "gptkit";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "gptkit";
  const passwd* const user = ::getpwuid(::getuid());
  require(user && user->pw_dir, "no home folder is known; set GPTKIT_HOME");
  return fs::path(user->pw_dir) / ".cache" / "gptkit";
}

}  // namespace gptkit
