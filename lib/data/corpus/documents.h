#pragma once
// The documents of a corpus, one after the other, by memory map: a `.jsonl` file holds one document
// a line in its "text" field, every other file is one document. A byte order mark is left out, and
// UTF-16 that begins with one is converted; the other bytes of a text file are passed on unchanged.
// A `.jsonl` file in Windows-1252 is converted (text_encoding.h).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

namespace gptkit {

struct Document {
  std::string_view text;              // valid during the visit only
  const std::filesystem::path& file;  // where it came from
  std::int64_t line;                  // its line in a .jsonl file, from 1; 0: the whole file
};

/// The files behind files, folders and globs (`*`, `?`, `[...]`), in the order given; a folder
/// stands for its *.txt and *.jsonl files at any depth, sorted by path; other files in it are
/// counted in a warning. Fails for what does not exist, a glob that matches nothing and a folder
/// without text.
std::vector<std::filesystem::path> expand_inputs(const std::vector<std::filesystem::path>& inputs);

/// Calls visit for each document, in order, holding one file mapped at a time. Empty documents are
/// passed over, and so are lines of JSON with half of a UTF-16 pair, which a warning counts. Fails
/// for a file with NUL bytes (it is no text), a bad line of JSON (naming file:line) and when no
/// document is left.
void for_each_document(const std::vector<std::filesystem::path>& files,
                       const std::function<void(const Document&)>& visit);

/// Unicode code points: the bytes that do not continue one.
std::int64_t count_characters(std::string_view text);
/// The byte offset of the n-th code point; text.size() from the end on.
std::size_t character_offset(std::string_view text, std::int64_t n);

}  // namespace gptkit
