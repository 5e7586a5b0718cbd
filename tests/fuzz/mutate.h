#pragma once
// Damage, the same for the same random numbers: what a bad download, a bad writer or a bad person
// would make of a file.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace gptkit::fuzz {

/// One to four changes of a seed: bytes, bits and 4- or 8-byte numbers replaced, ranges removed,
/// repeated or taken from another seed, marks of text formats put in, the end cut off.
std::string mutate(const std::string& seed, const std::vector<std::string>& others,
                   std::mt19937_64& random);

}  // namespace gptkit::fuzz
