#include "formats/shards.h"

#include <set>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {

std::vector<fs::path> shards(const fs::path& folder, const std::string& name) {
  const fs::path single = folder / name;
  const fs::path index = folder / (name + ".index.json");
  if (is_there(single)) return {single};
  require(is_there(index), printable(folder.string(), 400), ": neither ", name, " nor ", name,
          ".index.json is there");

  const std::string where = printable(index.string(), 400);
  const Json document = parse_json(read_file(index, std::uint64_t{64} << 20), where);
  require(document.is_object() && document.contains("weight_map") &&
              document["weight_map"].is_object() && !document["weight_map"].empty(),
          where, ": expected {\"weight_map\": {tensor: file}}");
  std::set<std::string> names;
  const Json& map = document["weight_map"];
  for (const auto& [tensor, file] : map.items()) {
    require(file.is_string(), where, ": tensor '", printable(tensor), "' names no file");
    names.insert(file.get<std::string>());
  }
  std::vector<fs::path> files;
  for (const auto& shard : names) {
    const bool plain = !shard.empty() && shard != "." && shard != ".." &&
                       shard.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    require(plain, where, ": the shard '", printable(shard),
            "' would lie outside the folder; expected the name of a file beside the index");
    require(is_there(folder / shard), where, ": the shard '", printable(shard),
            "' is missing; the download may be incomplete");
    files.push_back(folder / shard);
  }
  return files;
}

}  // namespace gptkit
