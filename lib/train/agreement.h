#pragma once
// Checks that all ranks of a run have the same settings and data.

#include "distributed/world.h"
#include "train/training.h"

namespace gptkit {

/// Fails on all ranks if one of them has other settings or data, and names that rank and the
/// difference. Without this check the ranks would sum tensors of different sizes, which aborts
/// inside Gloo, or sum different tensors without an error.
void require_same_run(World& world, const Training& training);

/// The stop signal that reached any of the ranks, or 0: all ranks stop after the same step.
int agreed_stop_signal(World& world);

}  // namespace gptkit
