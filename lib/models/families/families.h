#pragma once
// The families, one file each. models/family.cpp lists them.

#include "models/family.h"

namespace gptkit {

const Family& gpt2_family();
const Family& gptkit_family();
const Family& llama_family();
const Family& qwen2_family();
const Family& mistral_family();

}  // namespace gptkit
