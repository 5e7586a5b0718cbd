#pragma once
// The files of the folders that we write models and adapters into, for what may replace them.

#include "base/owned_folder.h"

namespace gptkit {

/// All that save_language_model, save_text_classifier and export_hugging_face write.
const OwnedFolder& model_folder();
/// All that save_adapter and save_classifier_adapter write.
const OwnedFolder& adapter_folder();

}  // namespace gptkit
