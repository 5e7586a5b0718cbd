#pragma once
// The files of a tokenizer folder: a folder with only these may be replaced.

#include "base/owned_folder.h"

namespace gptkit {

/// All that Tokenizer::save writes, whatever the tokenizer.
const OwnedFolder& tokenizer_folder();

}  // namespace gptkit
