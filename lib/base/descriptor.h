#pragma once
// Checked system calls on files. files.h, its atomic writes and its manifests use them.

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/files.h"

namespace gptkit {

/// A path in quotes, for a message.
std::string shown(const fs::path& path);
/// errno's text.
std::string reason(int code);

/// An input error where another file name helps (not found, no permission); else a runtime error.
[[noreturn]] void fail_reading(const fs::path& path, int code);
[[noreturn]] void fail_writing(const fs::path& temporary, int code);
/// The same for bytes that may belong to a mapped file: if they are gone, names that file.
[[noreturn]] void fail_writing_bytes(const fs::path& path, int code, std::string_view bytes);

/// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// The descriptor of a file that is no folder.
int open_to_read(const fs::path& path, struct stat& info);
/// The size of a regular file, 0 of anything else.
std::uint64_t size_of(int fd);
/// Reads to the end of the file in pieces: `take` gets each. Fails when the file was cut meanwhile.
void read_pieces(int fd, const fs::path& path, const std::function<void(std::string_view)>& take);
/// All that a pipe gives. It gives it once, and configs and texts are read more than once: so what
/// it gave is kept. Nothing for what is no pipe.
std::optional<std::string> pipe_content(const fs::path& path, std::uint64_t max_bytes);
[[noreturn]] void fail_too_large(const fs::path& path, const std::string& size,
                                 std::uint64_t max_bytes);
/// All of `bytes`, whatever signals and short writes come between.
void write_all(int fd, std::string_view bytes, const fs::path& path);
/// fsync; a file system or device that has nothing to sync (EINVAL) is fine. A failure is never
/// retried: the kernel may have dropped the pages already.
void sync(int fd, const fs::path& path);
/// close, checked: network file systems report a full disk here. Never repeated, even on EINTR.
void close_checked(int fd, const fs::path& path);
/// Opens (with more `flags`) and syncs.
void sync_path(const fs::path& path, int flags);
void sync_folder(const fs::path& folder);

/// The file that FolderLock locks.
inline constexpr const char* kLockFile = ".lock";
/// Whether a name is that of an output that was never finished (`NAME.tmp-PID-N`).
bool is_leftover(const std::string& name);

/// Calls visit(entry) for everything below a folder, sorted; a folder comes after what is in it.
void walk(const fs::path& folder, const std::function<void(const fs::directory_entry&)>& visit);

}  // namespace gptkit
