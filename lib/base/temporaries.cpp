#include "base/temporaries.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/remove_tree.h"

namespace gptkit {

/// Read by signal handlers: never freed, only used again.
struct TemporaryPlace {
  std::atomic<pid_t> owner{0};  // 0: free; a forked child is not the owner
  std::array<char, PATH_MAX> path{};
  TemporaryPlace* next = nullptr;
};

namespace {

std::atomic<TemporaryPlace*> places{nullptr};

TemporaryPlace& free_place() {
  for (auto* place = places.load(); place; place = place->next) {
    if (place->owner == 0) return *place;
  }
  auto* const added = new TemporaryPlace;
  added->next = places;
  places = added;
  return *added;
}

void remove_at(int folder, const char* name, int depth) noexcept;

/// Removes what a folder holds; false when there was nothing.
bool empty_folder(int folder, int depth) noexcept {
  alignas(dirent64) std::array<char, 4096> buffer;
  bool any = false;
  ::lseek(folder, 0, SEEK_SET);
  for (;;) {
    const long n = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    if (n <= 0) return any;
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const dirent64*>(buffer.data() + at);
      at += entry->d_reclen;
      const char* name = entry->d_name;
      if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
      any = true;
      remove_at(folder, name, depth - 1);
    }
  }
}

/// With system calls alone: opendir and nftw may not be called in a signal handler.
void remove_at(int folder, const char* name, int depth) noexcept {
  if (::unlinkat(folder, name, 0) == 0 || errno == ENOENT || depth == 0) return;
  const int fd = ::openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return;
  for (int i = 0; i < 3 && empty_folder(fd, depth); ++i) {  // other threads may still be writing
  }
  ::close(fd);
  ::unlinkat(folder, name, AT_REMOVEDIR);
}

/// The process that made `NAME.tmp-PID-N`; 0 when the name is another.
pid_t maker_of(const std::string& name, const std::string& target) {
  const std::string prefix = target + ".tmp-";
  if (!name.starts_with(prefix) || !is_leftover(name)) return 0;
  pid_t pid = 0;
  const char* const digits = name.data() + prefix.size();
  const auto [end, error] = std::from_chars(digits, name.data() + name.size(), pid);
  // What is left must be -N: NAME.tmp-1-2.tmp-3-4 is a leftover of NAME.tmp-1-2.
  const bool ours = error == std::errc() && *end == '-' && !std::strchr(end + 1, '-');
  return ours ? pid : 0;
}

bool first_time(const fs::path& target) {
  static std::mutex mutex;
  static std::set<std::string> seen;
  const std::scoped_lock lock(mutex);
  return seen.insert(target.string()).second;
}

}  // namespace

Temporary::Temporary(const fs::path& path) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  const std::string& name = path.native();
  auto& place = free_place();
  if (name.size() >= place.path.size()) return;  // no system call takes this name
  std::memcpy(place.path.data(), name.c_str(), name.size() + 1);
  place.owner = ::getpid();
  place_ = &place;
}

Temporary::Temporary(Temporary&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}

Temporary& Temporary::operator=(Temporary&& other) noexcept {
  std::swap(place_, other.place_);
  return *this;
}

void Temporary::forget() noexcept {
  if (place_) place_->owner = 0;
  place_ = nullptr;
}

bool remove_temporaries() noexcept {
  constexpr int kDepth = 8;
  bool any = false;
  const pid_t self = ::getpid();
  for (auto* place = places.load(); place; place = place->next) {
    if (place->owner != self) continue;
    remove_at(AT_FDCWD, place->path.data(), kDepth);
    any = true;
  }
  return any;
}

void remove_leftovers_of(const fs::path& target) {
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (is_leftover(folder.filename().string())) return;  // a new folder of our own
  if (!first_time(target)) return;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const pid_t pid = maker_of(it->path().filename().string(), target.filename().string());
    if (pid <= 0 || ::kill(pid, 0) == 0 || errno != ESRCH) continue;
    const Descriptor left(
        ::open(it->path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (left.get() < 0 || ::flock(left.get(), LOCK_EX | LOCK_NB) != 0) continue;
    try_remove_tree(it->path());
  }
}

void lock_temporary(int fd) noexcept {
  [[maybe_unused]] const int ignored = ::flock(fd, LOCK_EX | LOCK_NB);
}

}  // namespace gptkit
