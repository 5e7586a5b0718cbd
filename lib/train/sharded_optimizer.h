#pragma once
// ZeRO stage 1 (arXiv:1910.02054): each rank keeps AdamW's moments of its shard of the elements
// alone, updates these, and gets the others' new weights from them. The result is the same; 8 bytes
// per parameter become 8 / ranks. Checkpoints hold the whole moments, whatever the ranks were.

#include <torch/types.h>

#include "distributed/world.h"
#include "train/optimizer.h"

namespace gptkit {

/// After a step of a sharded optimizer: every rank gets the weights that the others have updated.
void share_weights_(World& world, const AdamW& optimizer);

/// On rank 0 the whole moments, named and shaped as AdamW::state() of an optimizer that is not
/// sharded; elsewhere nothing. Costs their memory on rank 0 as long as they are held.
NamedTensors gather_moments(World& world, const AdamW& optimizer);

/// On rank 0 tensors for a checkpoint's moments to be read into; elsewhere nothing.
NamedTensors room_for_moments(const World& world, const AdamW& optimizer);
/// Gives every rank its part of what rank 0 has read.
void scatter_moments_(World& world, const NamedTensors& moments, AdamW& optimizer);

}  // namespace gptkit
