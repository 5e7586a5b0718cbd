#pragma once
// The bytes of a file or pipe in order, a block at a time: what does not fit the memory can be read
// through. A reader that may have to go back marks its place.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace gptkit {

class ByteSource {
 public:
  /// Opens a file or pipe; fails when there is none, for a folder and without permission.
  explicit ByteSource(const std::filesystem::path& path);
  /// An open descriptor, which stays open; `name` is what messages call it.
  ByteSource(int descriptor, std::string name);
  /// Text that outlives this object. Nothing is copied.
  explicit ByteSource(std::string_view text);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  /// What has been read and not taken: not empty unless the end is reached. Waits for a pipe.
  std::string_view rest();
  bool at_end() { return rest().empty(); }
  /// Takes bytes of rest().
  void skip(std::size_t bytes) { at_ += bytes; }

  /// From here on bytes are kept, so that rewind() leads back to here.
  void mark();
  void rewind() { at_ = mark_; }
  /// Lets go of what was kept.
  void unmark() { marked_ = false; }

  /// Whether the next line can probably be had without waiting for who writes it.
  bool line_is_ready() const;

  const std::string& name() const { return name_; }
  std::uint64_t taken() const { return dropped_ + at_; }  ///< bytes since the beginning
  std::uint64_t size() const { return size_; }            ///< of a regular file, else 0

 private:
  std::string name_, buffer_;
  std::string_view window_;  // of buffer_, or the text itself
  std::size_t at_ = 0, mark_ = 0;
  std::uint64_t dropped_ = 0, size_ = 0;  // dropped_: bytes before the window
  int descriptor_ = -1;
  bool owned_ = false, ended_ = false, marked_ = false;

  void fill();
};

}  // namespace gptkit
