#pragma once
// Every public name is gptkit::NAME. The names live in the inline namespace gptkit::api, because
// the library has types of the same names inside, which are not part of the public surface.

#ifdef GPTKIT_INSIDE  // the library's own sources see both
namespace gptkit::api {}
#else
namespace gptkit {
inline namespace api {}
}  // namespace gptkit
#endif
