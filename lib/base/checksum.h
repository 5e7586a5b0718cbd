#pragma once
// The two 32-bit cyclic redundancy checks that checkpoint formats carry, and parts of a file that
// are checked against theirs when they are first used: opening a file then costs little, and no
// byte is handed out unchecked.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

/// Of zip archives (polynomial 0x04C11DB7).
std::uint32_t crc32(std::string_view bytes);
/// Castagnoli's (polynomial 0x1EDC6F41), of LevelDB and TensorFlow.
std::uint32_t crc32c(std::string_view bytes);

/// Parts of a file that do not overlap, each with the checksum that its bytes must have.
class ChecksummedParts {
 public:
  struct Part {
    std::uint64_t offset, bytes;
    std::uint32_t checksum;
    std::string_view name;  ///< for messages; lives as long as this object
  };
  using Function = std::uint32_t (*)(std::string_view);

  ChecksummedParts() = default;
  /// Fails if two parts overlap: a file that lists the same bytes a million times would cost a
  /// million passes. `where` opens the messages; empty parts are left out.
  ChecksummedParts(std::vector<Part> parts, Function function, const std::string& where);

  /// The part that holds the byte at `offset`; null when none does.
  const Part* find(std::uint64_t offset) const;
  /// Fails unless `content`, the bytes of the part, has its checksum. Computed once for each part;
  /// any thread may call it.
  void check(const Part& part, std::string_view content, const std::string& where) const;

 private:
  std::vector<Part> parts_;  // by offset
  Function function_ = nullptr;
  std::unique_ptr<std::atomic<bool>[]> checked_;
};

}  // namespace gptkit
