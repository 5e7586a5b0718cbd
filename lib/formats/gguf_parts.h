#pragma once
// A GGUF model in several files, as gguf-split and the hub have them: NAME-00001-of-00003.gguf and
// so on. The first part has the metadata of the model; each has, of its own, `split.no` (from 0),
// `split.count` and `split.tensors.count` (of all parts together).
// https://github.com/ggml-org/llama.cpp/blob/master/tools/gguf-split

#include <memory>
#include <vector>

#include "formats/gguf.h"

namespace gptkit {

/// The file, and where it is the first of several parts the others behind it. Fails for another
/// part, naming the first one, and for a part that is missing or of another model.
std::vector<std::shared_ptr<const GgufFile>> open_gguf_parts(const fs::path& path);

/// Whether these files are, by their names, all parts of one model.
bool are_gguf_parts(const std::vector<fs::path>& paths);

}  // namespace gptkit
