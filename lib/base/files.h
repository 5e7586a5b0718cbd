#pragma once
// Files: read-only memory maps, and outputs that appear whole or not at all (written aside, synced,
// renamed). Every failure is an Error that names the path and the system's reason.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/temporaries.h"

namespace gptkit {

namespace fs = std::filesystem;

struct OwnedFolder;
struct FileMapping;

/// What a message says behind the path of a file that lost bytes while it was being read.
inline constexpr const char* kCutShort = "it was cut short while in use; copy it again";

/// A file mapped read-only. Movable; the views it hands out live as long as it does. Bytes that the
/// file loses meanwhile cannot be touched: that is a SIGBUS, which lost_page() explains.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::string_view text() const { return {data_, size_}; }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(data_, size_)); }
  std::size_t size() const { return size_; }
  const fs::path& path() const { return path_; }
  /// Takes a part of bytes() out of this process's memory; it is read again when next touched.
  void release(std::span<const std::byte> part) const;

 private:
  fs::path path_;
  const char* data_ = nullptr;
  std::size_t size_ = 0;
  FileMapping* mapping_ = nullptr;  // of a file; what was a pipe lives in memory alone
};

/// Which file the page of an address belongs to and what happened to it; `path` is nullptr when it
/// is no MappedFile's. For SIGBUS handlers, and for system calls that answer EFAULT.
struct LostPage {
  const char* path = nullptr;  ///< in quotes
  const char* reason = nullptr;
};
LostPage lost_page(const void* address) noexcept;
/// Fails when a file that is mapped now has become shorter: its last page then ends in zeros,
/// without a signal. To be called before what was read of them counts.
void check_mapped_files();

/// Whether something, a folder or a regular file has this name. Not being allowed to look is an
/// error that names the path, not an absence.
bool is_there(const fs::path& path);
bool is_folder(const fs::path& path);
bool is_regular(const fs::path& path);

/// Fails when the content is what often stands in the place of a file that was not fetched: a
/// git-LFS pointer, a web page, the hub's text for a missing file. For files that are neither.
void require_real_file(std::string_view content, const std::string& where);
/// The same for texts, which may be web pages: git-LFS pointers alone.
void refuse_lfs_pointer(std::string_view content, const std::string& where);

/// The whole file as a string. Refuses files larger than max_bytes before reading them.
std::string read_file(const fs::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 34);

/// A file that appears under its name only by commit(): written to a temporary neighbour, synced,
/// renamed, the folder synced. Destroyed without commit(), it leaves nothing.
class AtomicFile {
 public:
  explicit AtomicFile(fs::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  /// Writes at a place of its own; the next write() goes on where the last one ended.
  void write_at(std::uint64_t offset, std::string_view bytes);
  std::uint64_t bytes_written() const { return written_; }  ///< by write()
  void commit();

 private:
  fs::path path_, temporary_;
  Temporary known_;
  int fd_ = -1;
  std::uint64_t written_ = 0;
  std::string buffer_;  // small writes are gathered
  void flush();
};

/// AtomicFile for content at hand.
void write_file_atomic(const fs::path& path, std::string_view content);

/// Appends one line and pushes it to the kernel in a single write.
void append_line(const fs::path& path, std::string_view line);

/// A folder that appears whole or not at all: fill path(), then commit() syncs every file in it and
/// renames it to its name. An existing folder of that name is replaced if all that it holds is on
/// the list `replace` (base/owned_folder.h), else refused, with or without a list.
class AtomicDirectory {
 public:
  explicit AtomicDirectory(fs::path final_path);
  ~AtomicDirectory();  // removes what was not committed
  AtomicDirectory(const AtomicDirectory&) = delete;
  AtomicDirectory& operator=(const AtomicDirectory&) = delete;

  const fs::path& path() const { return temporary_; }
  void commit(const OwnedFolder* replace = nullptr);

 private:
  fs::path final_, temporary_;
  Temporary known_;
  int fd_ = -1;  // of the temporary folder, locked
  bool committed_ = false;
};

/// Removes leftovers (`*.tmp-*`) of AtomicFile and AtomicDirectory that a killed process left in a
/// folder. Call only while holding that folder's lock.
void remove_leftovers(const fs::path& folder);

std::string sha256_hex(std::string_view bytes);
std::string sha256_of_file(const fs::path& path);

/// `manifest.json`: {"files": {name: {"bytes": n, "sha256": hex}}} for every file below the folder.
void write_manifest(const fs::path& folder);
/// Fails naming the first file that is missing, of another size or of another digest.
void verify_manifest(const fs::path& folder);

/// An exclusive lock on a folder (flock on `.lock`, which holds the pid); released by destruction
/// and by the death of the process. Fails naming the process that holds it.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_ = -1;
};

/// $GPTKIT_HOME, else $XDG_CACHE_HOME/gptkit, else ~/.cache/gptkit.
fs::path gptkit_home();

}  // namespace gptkit
