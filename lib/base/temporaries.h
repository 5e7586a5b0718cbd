#pragma once
// The unfinished temporary files and folders (`NAME.tmp-PID-N`) of this process. The code that made
// one removes it. A signal handler removes all when the process ends at once. After SIGKILL the
// next process that writes to NAME removes them.

#include <filesystem>

namespace gptkit {

struct TemporaryPlace;

/// One unfinished file or folder. Construct it before the file exists, so that a signal handler
/// knows every file.
class Temporary {
 public:
  Temporary() = default;
  explicit Temporary(const std::filesystem::path& path);
  ~Temporary() { forget(); }
  Temporary(Temporary&& other) noexcept;
  Temporary& operator=(Temporary&& other) noexcept;
  /// Call when the file was renamed or removed.
  void forget() noexcept;

 private:
  TemporaryPlace* place_ = nullptr;
};

/// Removes all of them; true when there were any. Async-signal-safe: for a process that ends now.
bool remove_temporaries() noexcept;

/// Removes what dead processes left when they wrote to `target`. A process of another machine
/// or container counts as alive while it holds the lock of its file.
void remove_leftovers_of(const std::filesystem::path& target);

/// Locks a new temporary for remove_leftovers_of(). A lock that fails is not an error.
void lock_temporary(int fd) noexcept;

}  // namespace gptkit
