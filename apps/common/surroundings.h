#pragma once
// What a program finds around it: signals, open files, limits, the working folder. Seen to before
// anything else happens, since LibTorch and MKL end the process over some of it without a word.

namespace gptkit {

/// Makes signals errors (a full disk, a closed pipe, a mapped file that was cut short) or a clean
/// end (Ctrl-C), opens the standard descriptors that are closed, and gives every thread started
/// from here on a stack of 8 MB, whatever `ulimit -s` says.
void prepare_surroundings(const char* program);

/// Fails when the working folder is gone, or OpenMP's threads are to have a stack that is too
/// small.
void check_surroundings();

}  // namespace gptkit
