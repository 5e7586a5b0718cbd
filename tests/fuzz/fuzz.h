#pragma once
// What the fuzz targets share. A target is one file, fuzz_<format>.cpp, with LLVMFuzzerTestOneInput
// and corpus(): libFuzzer calls the first, replay.cpp (an ordinary test) both.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace gptkit::fuzz {

/// Where a target starts from.
struct Corpus {
  std::vector<std::string> seeds;  // mostly valid: mutations make the damaged ones
  int mutations_per_seed = 2000;   // of the ordinary test
};

/// Defined by each target.
Corpus corpus();

/// Calls body(bytes). An Error is a result like any other, as long as it is one line; anything else
/// that is thrown ends the program.
template <class Body>
int try_input(const std::uint8_t* data, std::size_t size, Body&& body) {
  try {
    body(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const Error& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) throw;
  }
  return 0;
}

/// Ends the program: a property of what was read does not hold.
void check(bool holds, const char* property);

/// A file in memory that holds the bytes, for readers that want a path. There is one: the path
/// holds until the next call.
std::filesystem::path file_of(std::string_view bytes);

/// The content of the file called `name` that `write` made in the folder it was given.
std::string written(const std::string& name,
                    const std::function<void(const std::filesystem::path& folder)>& write);

/// Reads every byte.
void touch(std::span<const std::byte> bytes);
inline void touch(std::string_view text) { touch(std::as_bytes(std::span(text))); }

}  // namespace gptkit::fuzz
