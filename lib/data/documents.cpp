#include "data/documents.h"

#include <glob.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace gptkit {

namespace {

bool is_text_file(const fs::path& path) {
  const auto extension = path.extension();
  return extension == ".txt" || extension == ".jsonl";
}

std::vector<fs::path> text_files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->is_regular_file() && is_text_file(entry->path())) files.push_back(entry->path());
  }
  require(!error, folder.string(), ": cannot list the folder: ", error.message());
  require(!files.empty(), folder.string(),
          ": no .txt or .jsonl file in this folder; name the files to read");
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

void refuse_binary(const MappedFile& file) {
  refuse_lfs_pointer(file.text(), printable(file.path().string(), 400));
  if (file.size() == 0) return;
  const void* nul = std::memchr(file.text().data(), 0, file.size());
  if (!nul) return;
  fail(
      file.path().string(), ": byte ", static_cast<const char*>(nul) - file.text().data(),
      " is NUL, so this is no UTF-8 text; a UTF-16 text becomes one by `iconv -f UTF-16 -t UTF-8`");
}

void visit_json_lines(const MappedFile& file, const std::function<void(const Document&)>& visit) {
  std::string_view rest = file.text();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  for (std::int64_t line = 1; !rest.empty(); ++line) {
    const auto end = rest.find('\n');
    const auto text = rest.substr(0, end);
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
    if (text.find_first_not_of(" \t\r") == text.npos) continue;
    const std::string where = concat(file.path().string(), ":", line);
    const auto document = json_string(parse_json(text, where), "text", where);
    if (!document.empty()) visit({document, file.path(), line});
  }
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
    refuse_binary(file);
    if (path.extension() == ".jsonl") {
      visit_json_lines(file, counted);
    } else if (file.size() > 0) {
      counted({file.text(), file.path(), 0});
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
