#include "tasks/finetune_classify/frozen_backbone.h"

#include <ATen/ops/from_file.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "kernels/fast_precision.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

constexpr int64_t kTokensAtOnce = 2048;  // enough to use the processor fully, with little memory

bool learns(const torch::nn::Module& module) {
  for (const auto& parameter : module.parameters()) {
    if (parameter.requires_grad()) return true;
  }
  return false;
}

int64_t physical_memory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

/// Memory for (rows, C), or a file that is removed with its last user.
torch::Tensor room_for(int64_t rows, int64_t C, const FrozenBackbone::Options& options) {
  const auto type = torch::TensorOptions().dtype(options.dtype);
  const int64_t bytes = rows * C * static_cast<int64_t>(c10::elementSize(options.dtype));
  const bool in_file = options.store == BackboneStore::kFile ||
                       (options.store == BackboneStore::kAuto && bytes > physical_memory() / 4);
  if (!in_file) return torch::empty({rows, C}, type);
  const auto path = options.folder / concat("backbone-", ::getpid(), ".tmp");
  std::error_code code;
  const auto space = std::filesystem::space(options.folder, code);
  require(!code && static_cast<uint64_t>(bytes) < space.available, path.string(), ": ", bytes >> 20,
          " MiB for the frozen blocks' activations do not fit the disk; set ",
          Key{"classifier.frozen_backbone"}, " to off, or ",
          Key{"classifier.frozen_backbone_dtype"}, " to bfloat16");
  const auto kept = at::from_file(path.string(), /*shared=*/true, rows * C, type);
  std::filesystem::remove(path, code);
  return kept.view({rows, C});
}

/// Batches of all texts, shortest first.
std::vector<std::vector<int64_t>> batches_by_length(const ClassificationDataset& data) {
  std::vector<int64_t> order(static_cast<size_t>(data.size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return data.padded_length(a) < data.padded_length(b);
  });
  std::vector<std::vector<int64_t>> batches;
  for (const auto text : order) {  // the longest so far
    const auto rows = batches.empty() ? 0 : std::ssize(batches.back());
    if (rows == 0 || (rows + 1) * data.padded_length(text) > kTokensAtOnce) batches.emplace_back();
    batches.back().push_back(text);
  }
  return batches;
}

}  // namespace

int64_t frozen_blocks(const Classifier& classifier) {
  const auto gpt = classifier->gpt();
  const bool embeddings_learn = learns(*gpt->token_embedding()) ||
                                (gpt->position_embedding() && learns(*gpt->position_embedding()));
  if (embeddings_learn || gpt->config().dropout > 0) return 0;
  int64_t n = 0;
  while (n < gpt->config().n_layer && !learns(*gpt->block(n))) ++n;
  return n;
}

FrozenBackbone::FrozenBackbone(Classifier classifier, const ClassificationDataset& data,
                               int64_t blocks, const Options& options)
    : blocks_(blocks), device_(classifier->gpt()->device()) {
  const torch::NoGradGuard no_grad;
  const bool was_training = classifier->is_training();
  classifier->eval();
  auto gpt = classifier->gpt();
  const auto n = data.size();
  begin_.assign(1, 0);
  for (int64_t i = 0; i < n; ++i) begin_.push_back(begin_.back() + data.padded_length(i));
  kept_ = room_for(begin_.back(), gpt->config().d_model, options);

  Progress progress(concat("frozen blocks, ", options.what), n, "texts");
  int64_t done = 0;
  for (const auto& texts : batches_by_length(data)) {
    stop_if_asked("stopped before the first step; nothing was trained");
    const auto batch = data.collate(texts);
    const auto ids = torch::from_blob(const_cast<int64_t*>(batch.inputs.data()),
                                      {batch.rows, batch.columns}, torch::kInt64);
    const PrecisionScope scope(resolve_precision(options.precision, device_), device_);
    const auto packing = classifier->packing(batch.columns, batch.lengths);
    const auto x = gpt->first_blocks(packing.unpad(ids.to(device_)), packing, blocks)
                       .to(torch::kCPU, options.dtype);  // (N,C)
    int64_t row = 0;
    for (const auto text : texts) {
      const int64_t rows = data.padded_length(text);
      kept_.narrow(0, begin_[static_cast<size_t>(text)], rows).copy_(x.narrow(0, row, rows));
      row += rows;
    }
    done += batch.rows;
    progress.update(done);
  }
  classifier->train(was_training);
}

torch::Tensor FrozenBackbone::operator()(const Batch& batch) const {
  std::vector<torch::Tensor> texts;
  for (const auto example : batch.examples) {
    const auto i = static_cast<size_t>(example);
    texts.push_back(kept_.slice(0, begin_[i], begin_[i + 1]));
  }
  return torch::cat(texts).to(device_, torch::kFloat32);
}

torch::Tensor logits_after_backbone(Classifier classifier, const ClassificationDataset& data,
                                    const FrozenBackbone& backbone, Precision precision) {
  const torch::NoGradGuard no_grad;
  const auto device = classifier->gpt()->device();
  auto logits = torch::empty({data.size(), classifier->n_class()}, torch::kFloat64);
  for (const auto& texts : batches_by_length(data)) {
    stop_if_asked("stopped while classifying");
    const auto batch = data.collate(texts);
    const PrecisionScope scope(resolve_precision(precision, device), device);
    const auto packing = classifier->packing(batch.columns, batch.lengths);
    const auto some = classifier->logits_after_blocks(backbone(batch), packing, backbone.blocks())
                          .to(torch::kCPU, torch::kFloat64);  // (B,n_class)
    logits.index_copy_(0, torch::tensor(texts, torch::kInt64), some);
  }
  require_finite_results(logits, "");
  return logits;
}

}  // namespace gptkit
