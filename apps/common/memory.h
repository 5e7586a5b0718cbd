#pragma once
// What becomes of memory that is freed.

#include <cstdlib>  // tells __GLIBC__

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace gptkit {

/// Freed blocks of at least so many bytes go back to the system at once. glibc else raises this
/// bound to 32 MiB as a program frees large blocks, and activations of ever other lengths then
/// leave holes that add up: half as much memory again for classifying texts.
inline void give_back_freed_blocks([[maybe_unused]] int bytes) {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_THRESHOLD, bytes);
#endif
}

}  // namespace gptkit
