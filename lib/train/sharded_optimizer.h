#pragma once
// ZeRO stage 1 (arXiv:1910.02054): each rank stores AdamW's moments only for its shard of the
// elements, updates that shard, and receives the other weights from the other ranks. The result is
// the same; 8 bytes per parameter become 8 / ranks. Checkpoints contain the complete moments,
// independent of the number of ranks.

#include <torch/types.h>

#include "distributed/world.h"
#include "train/optimizer.h"

namespace gptkit {

/// After a step of a sharded optimizer: every rank gets the weights that the others have updated.
void share_weights_(World& world, const AdamW& optimizer);

/// On rank 0 the complete moments, with the names and shapes of AdamW::state() of an optimizer that
/// is not sharded; empty on other ranks. Needs memory for all of them on rank 0 while the result
/// exists.
NamedTensors gather_moments(World& world, const AdamW& optimizer);

/// On rank 0 tensors into which the moments of a checkpoint are read; empty on other ranks.
NamedTensors room_for_moments(const World& world, const AdamW& optimizer);
/// Sends each rank its part of the moments that rank 0 has read.
void scatter_moments_(World& world, const NamedTensors& moments, AdamW& optimizer);

}  // namespace gptkit
