#pragma once
// Checks that all ranks of a run have the same settings and data.

#include "distributed/world.h"
#include "train/training.h"

namespace gptkit {

/// Fails on all ranks unless they are about to do the same, naming the first that differs and in
/// what: otherwise their sums are of different sizes, which ends in an abort deep inside Gloo, or
/// of different things, which nobody notices.
void require_same_run(World& world, const Training& training);

/// The stop signal that reached any of the ranks, or 0: they all stop after the same step.
int agreed_stop_signal(World& world);

}  // namespace gptkit
