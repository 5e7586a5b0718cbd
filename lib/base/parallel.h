#pragma once
// The one way to use several threads outside LibTorch.

#include <cstddef>
#include <functional>

namespace gptkit {

/// The physical cores this process may run on (affinity respected); at least 1.
int physical_cores();

/// How many threads this process can run at once, with the calling one: `wanted`, or fewer if a
/// limit (ulimit -u, a container's, memory) does not allow them.
int startable_threads(int wanted);

/// Calls body(i) for every i in [0, count) on up to `threads` threads (the caller is one of them),
/// handing out indices in increasing order. Returns when all are done; rethrows the error of the
/// lowest index that failed.
void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace gptkit
