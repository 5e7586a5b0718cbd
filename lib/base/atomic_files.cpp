#include <fcntl.h>
#include <linux/fs.h>
#include <sys/syscall.h>

#include <atomic>
#include <system_error>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/owned_folder.h"
#include "base/remove_tree.h"
#include "base/temporaries.h"

namespace gptkit {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18;

/// The path that a rename should replace: links are followed, so they survive; no trailing slash.
fs::path rename_target(fs::path path) {
  std::error_code ignored;
  fs::path target = path.has_filename() ? std::move(path) : path.parent_path();
  const auto name = target.filename();
  if (fs::is_symlink(target, ignored) || name == "." || name == "..") {
    const fs::path resolved = fs::weakly_canonical(target, ignored);
    if (!resolved.empty()) target = resolved;
  }
  require(target.has_filename(), shown(target), " is not a name to write to");
  return target;
}

struct MadeTemporary {
  fs::path path;
  Temporary known;
  int fd;
};

/// `NAME.tmp-PID-N`, made by `make`, which returns a descriptor, or -1 with errno. What dead
/// processes left of this target goes first: their disk space may be needed.
template <class Make>
MadeTemporary make_temporary(const fs::path& target, Make&& make) {
  static std::atomic<unsigned> next{0};
  remove_leftovers_of(target);
  for (;;) {
    fs::path name = target;
    name += concat(".tmp-", ::getpid(), "-", next++);
    Temporary known(name);
    const int fd = uninterrupted([&] { return make(name); });
    if (fd >= 0) {
      lock_temporary(fd);
      return {name, std::move(known), fd};
    }
    if (errno != EEXIST) fail_writing(target, errno);
  }
}

int make_folder(const fs::path& name) {
  if (::mkdir(name.c_str(), 0777) != 0) return -1;
  const int fd =
      uninterrupted([&] { return ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) {
    const int code = errno;
    ::rmdir(name.c_str());
    errno = code;
  }
  return fd;
}

int rename_exchanging(const fs::path& a, const fs::path& b) {
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(rename_target(std::move(path))) {
  struct stat info {};
  const bool exists = ::stat(path_.c_str(), &info) == 0;
  require(!exists || !S_ISDIR(info.st_mode), "cannot write ", shown(path_), ": it is a folder");
  if (exists && !S_ISREG(info.st_mode)) {  // /dev/null, a pipe: renaming would replace the device
    fd_ = uninterrupted([&] { return ::open(path_.c_str(), O_WRONLY | O_CLOEXEC); });
    if (fd_ < 0) fail_writing(path_, errno);
    return;
  }
  auto made = make_temporary(path_, [](const fs::path& name) {
    return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
  temporary_ = std::move(made.path);
  known_ = std::move(made.known);
  fd_ = made.fd;
  // The new content of a file keeps its mode; where that is not possible the umask's stands.
  if (exists) [[maybe_unused]]
    const int ignored = ::fchmod(fd_, info.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::flush() {
  write_all(fd_, buffer_, path_);
  buffer_.clear();
}

void AtomicFile::write(std::string_view bytes) {
  written_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() >= kBuffer) {
    write_all(fd_, bytes, path_);
  } else {
    buffer_ += bytes;
  }
}

void AtomicFile::write_at(std::uint64_t offset, std::string_view bytes) {
  flush();
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted(
        [&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n < 0) fail_writing_bytes(path_, errno, bytes);
    if (n == 0) fail_writing(path_, EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void AtomicFile::commit() {
  flush();
  sync(fd_, path_);
  close_checked(std::exchange(fd_, -1), path_);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_writing(path_, errno);
  temporary_.clear();
  known_.forget();
  sync_folder(path_.parent_path());
}

void write_file_atomic(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void append_line(const fs::path& path, std::string_view line) {
  const Descriptor file(uninterrupted(
      [&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666); }));
  if (file.get() < 0) fail_writing(path, errno);
  std::string whole(line);
  whole += '\n';
  write_all(file.get(), whole, path);
}

AtomicDirectory::AtomicDirectory(fs::path final_path)
    : final_(rename_target(std::move(final_path))) {
  std::error_code code;
  if (final_.has_parent_path()) fs::create_directories(final_.parent_path(), code);
  if (code) fail_writing(final_, code.value());
  auto made = make_temporary(final_, make_folder);
  temporary_ = std::move(made.path);
  known_ = std::move(made.known);
  fd_ = made.fd;
}

AtomicDirectory::~AtomicDirectory() {
  if (!committed_) try_remove_tree(temporary_);
  if (fd_ >= 0) ::close(fd_);
}

void AtomicDirectory::commit(const OwnedFolder* replace) {
  walk(temporary_, [](const fs::directory_entry& entry) {
    std::error_code code;
    const auto type = entry.symlink_status(code).type();
    if (type == fs::file_type::regular) sync_path(entry.path(), 0);
    if (type == fs::file_type::directory) sync_folder(entry.path());
  });
  sync_folder(temporary_);

  const fs::path parent = final_.parent_path();
  if (::rename(temporary_.c_str(), final_.c_str()) == 0) {  // free, or an empty folder
    committed_ = true;
    known_.forget();
    sync_folder(parent);
    return;
  }
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) fail_writing(final_, errno);
  require(replace != nullptr, shown(final_), " already exists; remove it or choose another name");
  require_owned(final_, *replace);

  // Exchanging both names leaves no moment without a whole folder; where the file system cannot,
  // the old one steps aside first.
  fs::path old = temporary_;
  if (rename_exchanging(temporary_, final_) != 0) {
    if (errno != EINVAL && errno != ENOSYS) fail_writing(final_, errno);
    known_.forget();  // from here on it is all that there is
    old = final_;
    old += concat(".old-", ::getpid());
    if (::rename(final_.c_str(), old.c_str()) != 0) fail_writing(final_, errno);
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
      const int code = errno;
      ::rename(old.c_str(), final_.c_str());
      fail_writing(final_, code);
    }
  }
  committed_ = true;
  sync_folder(parent);
  remove_owned(old, *replace);
  std::error_code ignored;
  if (!fs::exists(old, ignored)) return;
  fs::path kept = final_;  // something was put into it at the last moment
  kept += concat(".old-", ::getpid());
  if (old != kept && ::rename(old.c_str(), kept.c_str()) != 0) fail_writing(kept, errno);
  known_.forget();
  log_warning(shown(kept), " holds files that came into ", shown(final_), " as it was replaced");
}

void remove_leftovers(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    if (is_leftover(it->path().filename().string())) leftovers.push_back(it->path());
  }
  if (code) fail_reading(folder, code.value());
  for (const auto& path : leftovers) remove_tree(path);
}

}  // namespace gptkit
