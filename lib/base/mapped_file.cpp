#include <fcntl.h>
#include <sys/mman.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <mutex>
#include <tuple>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/files.h"

namespace gptkit {

/// One mapping of a file, as a signal handler may read it: its place in memory is never freed, only
/// used again, and it counts only while `size` is not 0.
struct FileMapping {
  std::atomic<const char*> data{nullptr};
  std::atomic<std::size_t> size{0};
  std::atomic<int> fd{-1};
  std::array<char, 512> shown{};  // the path as messages have it
  FileMapping* next = nullptr;
};

namespace {

std::atomic<FileMapping*> mappings{nullptr};

FileMapping& free_mapping() {
  for (auto* mapping = mappings.load(); mapping; mapping = mapping->next) {
    if (mapping->fd < 0) return *mapping;
  }
  auto* const added = new FileMapping;
  added->next = mappings;
  mappings = added;
  return *added;
}

FileMapping* remember(const fs::path& path, int fd, const char* data, std::size_t size) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  auto& mapping = free_mapping();
  const auto text = shown(path);
  const auto length = std::min(text.size(), mapping.shown.size() - 1);
  std::memcpy(mapping.shown.data(), text.data(), length);
  mapping.shown[length] = '\0';
  mapping.fd = fd;
  mapping.data = data;
  mapping.size = size;
  return &mapping;
}

bool has_shrunk(const FileMapping& mapping) noexcept {
  struct stat info {};
  return ::fstat(mapping.fd, &info) == 0 &&
         static_cast<std::uint64_t>(info.st_size) < mapping.size.load();
}

const FileMapping* mapping_at(const void* address) noexcept {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (const auto* mapping = mappings.load(); mapping; mapping = mapping->next) {
    const auto begin = reinterpret_cast<std::uintptr_t>(mapping->data.load());
    if (mapping->size > 0 && at >= begin && at < begin + mapping->size) return mapping;
  }
  return nullptr;
}

/// Pipes and the files of /proc have no size and no map: an anonymous one holds what they give.
std::pair<const char*, std::size_t> copied(const std::string& content, const fs::path& path) {
  if (content.empty()) return {nullptr, 0};
  void* const at =
      ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
  std::memcpy(at, content.data(), content.size());
  return {static_cast<const char*>(at), content.size()};
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  if (const auto piped = pipe_content(path, std::numeric_limits<std::uint64_t>::max())) {
    std::tie(data_, size_) = copied(*piped, path);
    return;
  }
  struct stat info {};
  Descriptor file(open_to_read(path, info));
  if (S_ISREG(info.st_mode) && info.st_size > 0) {
    size_ = static_cast<std::size_t>(info.st_size);
    void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
    data_ = static_cast<const char*>(at);
    mapping_ = remember(path, file.release(), data_, size_);
    return;
  }
  std::string content;
  read_pieces(file.get(), path, [&](std::string_view piece) { content += piece; });
  std::tie(data_, size_) = copied(content, path);
}

MappedFile::~MappedFile() {
  if (mapping_) {
    mapping_->size = 0;
    ::close(mapping_->fd.exchange(-1));
  }
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapping_(std::exchange(other.mapping_, nullptr)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(mapping_, other.mapping_);
  return *this;
}

void MappedFile::release(std::span<const std::byte> part) const {
  if (!mapping_ || part.empty()) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void check_mapped_files() {
  for (const auto* mapping = mappings.load(); mapping; mapping = mapping->next) {
    if (mapping->size > 0 && has_shrunk(*mapping)) {
      fail_runtime(mapping->shown.data(), ": ", kCutShort);
    }
  }
}

LostPage lost_page(const void* address) noexcept {
  const auto* mapping = mapping_at(address);
  if (!mapping) return {};
  return {mapping->shown.data(),
          has_shrunk(*mapping) ? kCutShort : "it cannot be read: the disk reports an error"};
}

}  // namespace gptkit
