#pragma once
// The temporary files and folders (`NAME.tmp-PID-N`) that this process has not finished. They are
// removed by whoever made them, by a signal handler when the process has to end at once, or, after
// the process was killed, by the next that writes to NAME.

#include <filesystem>

namespace gptkit {

struct TemporaryPlace;

/// One of this process's unfinished files or folders. Made before the file is, so that no signal
/// finds a file that nobody knows of.
class Temporary {
 public:
  Temporary() = default;
  explicit Temporary(const std::filesystem::path& path);
  ~Temporary() { forget(); }
  Temporary(Temporary&& other) noexcept;
  Temporary& operator=(Temporary&& other) noexcept;
  /// It has another name now, or is gone.
  void forget() noexcept;

 private:
  TemporaryPlace* place_ = nullptr;
};

/// Removes all of them; true when there were any. Async-signal-safe: for a process that ends now.
bool remove_temporaries() noexcept;

/// Removes what processes that are dead left of writing to `target`. A process of another machine
/// or container counts as alive while it holds the lock of its file.
void remove_leftovers_of(const std::filesystem::path& target);

/// Locks a new temporary, for remove_leftovers_of(). Where that is not possible nothing is lost.
void lock_temporary(int fd) noexcept;

}  // namespace gptkit
