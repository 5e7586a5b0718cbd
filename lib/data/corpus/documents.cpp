#include "data/corpus/documents.h"

#include <glob.h>

#include <algorithm>
#include <cctype>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "data/tables/json_rows.h"
#include "data/text_encoding.h"

namespace gptkit {

namespace {

bool has_extension(const fs::path& path, std::string_view lower) {
  const auto extension = path.extension().string();
  return std::equal(
      extension.begin(), extension.end(), lower.begin(), lower.end(),
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

bool is_json_lines(const fs::path& path) { return has_extension(path, ".jsonl"); }

bool is_text_file(const fs::path& path) {
  return has_extension(path, ".txt") || is_json_lines(path);
}

std::vector<fs::path> text_files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  std::int64_t others = 0;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_regular_file()) continue;
    if (is_text_file(entry->path())) {
      files.push_back(entry->path());
    } else if (!entry->path().filename().string().starts_with('.')) {
      ++others;
    }
  }
  require(!error, folder.string(), ": cannot list the folder: ", error.message());
  require(!files.empty(), folder.string(),
          ": no .txt or .jsonl file in this folder; name the files to read");
  if (others > 0) {
    warn_once(
        concat(printable(folder.string(), 400), ": ", others,
               " file(s) that end neither in .txt nor in .jsonl are not read; name those that "
               "should be"));
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<fs::path> matches_of_glob(const fs::path& pattern) {
  glob_t found{};
  const int status = glob(pattern.c_str(), 0, nullptr, &found);
  std::vector<fs::path> matches(found.gl_pathv,
                                found.gl_pathv + (status == 0 ? found.gl_pathc : 0));
  globfree(&found);
  require(!matches.empty(), pattern.string(), ": no file matches this pattern");
  return matches;
}

void add_input(const fs::path& input, std::vector<fs::path>& files) {
  if (is_folder(input)) {
    const auto below = text_files_below(input);
    files.insert(files.end(), below.begin(), below.end());
  } else if (is_there(input)) {
    files.push_back(input);
  } else if (input.string().find_first_of("*?[") != std::string::npos) {
    for (const auto& match : matches_of_glob(input)) add_input(match, files);
  } else {
    fail(input.string(), ": no such file or folder");
  }
}

void refuse_binary(std::string_view text, const fs::path& path) {
  refuse_lfs_pointer(text, printable(path.string(), 400));
  const auto nul = text.find('\0');
  require(nul == text.npos, path.string(), ": byte ", nul,
          " is NUL, so this is not UTF-8 text; a UTF-16 text without a byte order mark becomes one "
          "by `iconv -f UTF-16LE -t UTF-8`");
}

/// A file's text, in `converted` where it is not that of the file itself.
std::string_view text_of(const MappedFile& file, std::string& converted) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  auto text = file.text();
  const bool is_utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  if (is_utf16 || (is_json_lines(file.path()) && encoding_of(text) != TextEncoding::kUtf8)) {
    return converted = decode_text(text, printable(file.path().string(), 400));
  }
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  return text;
}

void visit_json_lines(std::string_view rest, const fs::path& path,
                      const std::function<void(const Document&)>& visit) {
  std::int64_t broken = 0, first_broken = 0;
  for (std::int64_t line = 1; !rest.empty(); ++line) {
    const auto end = rest.find('\n');
    const auto text = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    if (has_lone_surrogate(text)) {
      if (++broken == 1) first_broken = line;
      continue;
    }
    const std::string where = concat(path.string(), ":", line);
    const auto document = json_string(parse_json(text, where), "text", where);
    if (!document.empty()) visit({document, path, line});
  }
  if (broken == 0) return;
  warn_once(concat(printable(path.string(), 400), ":", first_broken,
                   ": half of a UTF-16 pair (\\ud800 to \\udfff) is not a character; ",
                   broken == 1 ? "the line is" : concat(broken, " lines like it are"),
                   " left out"));
}

}  // namespace

std::vector<fs::path> expand_inputs(const std::vector<fs::path>& inputs) {
  std::vector<fs::path> files;
  for (const auto& input : inputs) add_input(input, files);
  return files;
}

void for_each_document(const std::vector<fs::path>& files,
                       const std::function<void(const Document&)>& visit) {
  std::int64_t documents = 0;
  const auto counted = [&](const Document& document) {
    ++documents;
    visit(document);
  };
  for (const auto& path : files) {
    const MappedFile file(path);
    std::string converted;
    const auto text = text_of(file, converted);
    refuse_binary(text, path);
    if (is_json_lines(path)) {
      visit_json_lines(text, path, counted);
    } else if (!text.empty()) {
      counted({text, path, 0});
    }
    check_mapped_files();
  }
  require(documents > 0, files.empty() ? "no input" : files.front().string(), ": ",
          files.size() > 1 ? "this file and those after it hold" : "holds", " no text");
}

std::int64_t count_characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::size_t character_offset(std::string_view text, std::int64_t n) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && n-- == 0) return at;
  }
  return text.size();
}

}  // namespace gptkit
