#pragma once
// The files of a tokenizer folder, for what may replace one.

#include "base/owned_folder.h"

namespace gptkit {

/// All that Tokenizer::save writes, whatever the tokenizer.
const OwnedFolder& tokenizer_folder();

}  // namespace gptkit
