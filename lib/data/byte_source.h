#pragma once
// The text of a file or pipe in order, a block at a time: what does not fit the memory can be read
// through. A reader that may have to go back marks its place. Other encodings become UTF-8 and a
// byte order mark is left out (text_encoding.h); a file is read once beforehand to tell, a pipe is
// judged by what has come.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "data/text_encoding.h"

namespace gptkit {

class ByteSource {
 public:
  /// Opens a file or pipe; fails when there is none, for a folder and without permission.
  explicit ByteSource(const std::filesystem::path& path);
  /// An open descriptor, which stays open; `name` is what messages call it.
  ByteSource(int descriptor, std::string name);
  /// UTF-8 that outlives this object. Nothing is copied.
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
  /// Discards the kept bytes.
  void unmark() { marked_ = false; }

  /// Whether the next line can probably be had without waiting for who writes it.
  bool line_is_ready() const;

  const std::string& name() const { return name_; }
  /// About how many of the file's bytes have been taken.
  std::uint64_t taken() const;
  std::uint64_t size() const { return size_; }  ///< of a regular file, else 0
  /// The rest of a regular file as a source of its own, which does not move this one's place;
  /// nothing for a pipe. Before anything is taken.
  std::unique_ptr<ByteSource> from_the_beginning() const;

 private:
  std::string name_, buffer_;
  std::string_view window_;  // of buffer_, or the text itself
  std::size_t at_ = 0, mark_ = 0;
  std::uint64_t read_ = 0, size_ = 0;  // read_: bytes of the file
  int descriptor_ = -1;
  std::int64_t offset_ = -1;  // of the next read from a regular file; -1: a pipe
  std::int64_t begin_ = -1;   // where a regular file's reading began
  bool owned_ = false, ended_ = false, marked_ = false;
  std::optional<EncodingDetector> detector_;  // of a pipe
  TextDecoder decoder_{TextEncoding::kUtf8};
  std::string pending_;  // of a pipe: the beginning of a character

  ByteSource(int descriptor, std::string name, std::int64_t begin);
  void begin_reading();
  void detect();
  std::size_t read_block(std::string& into);
  void decode(std::string& block, bool last);
  void fill();
};

}  // namespace gptkit
