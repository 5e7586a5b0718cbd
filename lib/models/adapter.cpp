#include "models/adapter.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace gptkit {

namespace {

void add_block(const GPT& gpt, int64_t i, std::vector<LoraTarget>& targets) {
  const auto& c = gpt->config();
  const auto block = gpt->block(i);
  const auto add = [&](const char* name, const Linear& linear, int64_t begin, int64_t count) {
    targets.push_back({name, i, linear, begin, count});
  };
  const auto whole = [&](const char* name, const Linear& linear) {
    add(name, linear, 0, linear->weight.size(0));
  };
  const int64_t q = c.n_head * c.head_dim(), kv = c.kv_heads() * c.head_dim();
  const auto qkv = block->attention()->qkv();
  add("query", qkv, 0, q);
  add("key", qkv, q, kv);
  add("value", qkv, q + kv, kv);
  whole("proj", block->attention()->proj());
  const auto up = block->mlp()->up();
  if (c.mlp == MlpKind::kSwiglu) {
    add("gate", up, 0, c.feed_forward());
    add("up", up, c.feed_forward(), c.feed_forward());
  } else {
    whole("up", up);
  }
  whole("down", block->mlp()->down());
}

/// Fails unless every wanted name is one of the model's.
void check_targets(const std::vector<LoraTarget>& targets, const LoraConfig& config) {
  std::set<std::string> known;
  for (const auto& target : targets) known.insert(target.name);
  for (const auto& wanted : config.targets) {
    require(known.contains(wanted), Key{"lora.targets"}, ": '", wanted,
            "' is no layer of this model; expected some of ", join(known));
  }
}

}  // namespace

std::vector<LoraTarget> lora_targets(const GPT& gpt, const Linear& head) {
  std::vector<LoraTarget> targets;
  for (int64_t i = 0; i < gpt->config().n_layer; ++i) add_block(gpt, i, targets);
  if (head) targets.push_back({"head", -1, head, 0, head->weight.size(0)});
  return targets;
}

void validate(const LoraConfig& config) {
  require(config.rank >= 0 && config.rank <= 4096, Key{"lora.rank"}, ": ", config.rank,
          " is out of range; expected 0 (no adapters) to 4096");
  require(config.dropout >= 0 && config.dropout < 1, Key{"lora.dropout"}, ": ", config.dropout,
          " is out of range; expected at least 0 and less than 1");
  require(config.alpha > 0, Key{"lora.alpha"}, ": ", config.alpha,
          " is out of range; expected more than 0");
  require(config.last_blocks >= 0, Key{"lora.last_blocks"}, ": ", config.last_blocks,
          " is out of range; expected 0 (all) or more");
}

AdapterLayers make_adapter(const GPT& gpt, const Linear& head, const LoraConfig& config) {
  validate(config);
  require(config.rank > 0, Key{"lora.rank"}, ": 0 makes no adapter; expected at least 1");
  const auto targets = lora_targets(gpt, head);
  check_targets(targets, config);
  const int64_t n = gpt->config().n_layer;
  require(config.last_blocks <= n, Key{"lora.last_blocks"}, ": ", config.last_blocks,
          " is out of range; the model has ", n, " blocks");
  const int64_t first = config.last_blocks > 0 ? n - config.last_blocks : 0;
  const auto wanted = [&](const LoraTarget& target) {
    const auto& names = config.targets;
    return (target.block < 0 || target.block >= first) &&
           (names.empty() || std::find(names.begin(), names.end(), target.name) != names.end());
  };
  AdapterLayers adapter;
  for (size_t i = 0; i < targets.size();) {
    const auto linear = targets[i].linear;
    std::vector<LoraPart> parts;
    for (; i < targets.size() && targets[i].linear.ptr() == linear.ptr(); ++i) {
      if (!wanted(targets[i])) continue;
      parts.push_back(
          fresh_lora_part(targets[i].begin, targets[i].count, linear->weight.detach(), config));
    }
    if (parts.empty()) continue;
    adapter.emplace_back(linear, Lora(linear->weight.size(0), std::move(parts), config.dropout));
  }
  return adapter;
}

void attach(const AdapterLayers& adapter) {
  for (auto [linear, lora] : adapter) linear->set_lora(lora);
}

void detach(const AdapterLayers& adapter) {
  for (auto [linear, lora] : adapter) linear->set_lora(nullptr);
}

void merge_(const AdapterLayers& adapter) {
  torch::NoGradGuard no_grad;
  for (auto [linear, lora] : adapter) linear->weight.add_(lora->delta());
  detach(adapter);
}

}  // namespace gptkit
