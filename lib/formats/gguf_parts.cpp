#include "formats/gguf_parts.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <string>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr const char *kPart = "split.no", *kParts = "split.count",
                     *kTensors = "split.tensors.count";
constexpr std::int64_t kMostParts = 99'999;  // that the name has room for

/// What a part's name says.
struct PartName {
  std::string base, number, count;
};

std::optional<PartName> part_name(const fs::path& path) {
  static const std::regex kName(R"((.*)-(\d{5})-of-(\d{5})\.gguf)");
  std::smatch match;
  const auto name = path.filename().string();
  if (!std::regex_match(name, match, kName)) return std::nullopt;
  return PartName{match[1], match[2], match[3]};
}

std::string five_digits(std::int64_t number) {
  const auto text = std::to_string(number);
  return std::string(5 - text.size(), '0') + text;
}

fs::path path_of(const fs::path& folder, const std::string& base, std::int64_t part,
                 std::int64_t parts) {
  return folder / concat(base, "-", five_digits(part), "-of-", five_digits(parts), ".gguf");
}

/// The part that lies beside the first one.
std::shared_ptr<const GgufFile> open_part(const fs::path& path, std::int64_t part,
                                          std::int64_t parts) {
  require(is_there(path), printable(path.string(), 400), ": part ", part, " of ", parts,
          " is missing; put it beside the first part");
  auto file = std::make_shared<const GgufFile>(path);
  const auto number = file->integer(kPart, -1) + 1, count = file->integer(kParts, 0);
  require(number == part && count == parts, printable(path.string(), 400),
          ": says that it is part ", number, " of ", count, "; expected part ", part, " of ",
          parts);
  return file;
}

}  // namespace

std::vector<std::shared_ptr<const GgufFile>> open_gguf_parts(const fs::path& path) {
  auto file = std::make_shared<const GgufFile>(path);
  const auto parts = file->integer(kParts, 0);
  if (parts <= 1) return {file};
  const auto where = printable(path.string(), 400);
  require(parts <= kMostParts, where, ": ", kParts, " ", parts,
          " is out of range; expected at most ", kMostParts);
  const auto part = file->integer(kPart) + 1;
  const auto name = part_name(path);
  const auto first =
      path_of(path.parent_path(), name ? name->base : path.stem().string(), 1, parts);
  require(part == 1, where, ": is part ", part, " of ", parts, "; name the first one, ",
          printable(first.string(), 400));
  require(name && path == first, where, ": is part 1 of ", parts,
          ", but its name does not say so; expected a name that ends in -00001-of-",
          five_digits(parts), ".gguf, and the others beside it");

  std::vector<std::shared_ptr<const GgufFile>> files = {file};
  auto tensors = static_cast<std::int64_t>(file->tensors().size());
  for (std::int64_t i = 2; i <= parts; ++i) {
    files.push_back(open_part(path_of(path.parent_path(), name->base, i, parts), i, parts));
    tensors += static_cast<std::int64_t>(files.back()->tensors().size());
  }
  require(file->integer(kTensors, tensors) == tensors, where, ": the model has ",
          file->integer(kTensors, tensors), " tensors, but its ", parts, " parts hold ", tensors,
          "; they do not belong together");
  return files;
}

bool are_gguf_parts(const std::vector<fs::path>& paths) {
  const auto first = paths.empty() ? std::nullopt : part_name(paths.front());
  return first && std::all_of(paths.begin(), paths.end(), [&](const fs::path& path) {
           const auto name = part_name(path);
           return name && name->base == first->base && name->count == first->count;
         });
}

}  // namespace gptkit
