#pragma once
// The files in the folders of saved models and adapters, for code that may replace them.

#include "base/owned_folder.h"

namespace gptkit {

/// All files that save_language_model, save_text_classifier and export_hugging_face write.
const OwnedFolder& model_folder();
/// All files that save_adapter and save_classifier_adapter write.
const OwnedFolder& adapter_folder();

}  // namespace gptkit
