#pragma once
// The families, one file each. models/family.cpp lists them.

#include "models/family.h"

namespace gptkit {

const Family& gpt2_family();
const Family& llama_family();

}  // namespace gptkit
