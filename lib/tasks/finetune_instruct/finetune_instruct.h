#pragma once
// Finetuning a pretrained GPT to follow instructions (the book's chapter 7).

#include <cstdint>
#include <string>
#include <vector>

#include "chat/styles.h"
#include "data/tables/instruction.h"
#include "tasks/training/request.h"
#include "tasks/training/samples.h"
#include "train/trainer.h"

namespace gptkit {

struct InstructDataConfig {
  std::vector<std::filesystem::path> train, validation, test;
  InstructionSplit split;
  bool strict = false;
};

template <class Visitor>
void visit_fields(InstructDataConfig& c, Visitor&& visit) {
  visit("train", c.train, "JSON files: Alpaca rows, messages or ShareGPT conversations");
  visit("validation", c.validation, "files; none: the last part of train");
  visit("test", c.test, "files; none: the middle part of train");
  visit("split", c.split, "shares of train for each split, when validation has no files");
  visit("strict", c.strict, "refuse unknown keys and rows that would be dropped");
}

struct InstructConfig {
  PromptStyle prompt_style = PromptStyle::kAlpaca;
  bool mask_prompt = false;
  int64_t max_tokens = 0;
  double dropout = 0.0;
};

template <class Visitor>
void visit_fields(InstructConfig& c, Visitor&& visit) {
  visit("prompt_style", c.prompt_style,
        "chat template: alpaca (the book), phi3, chatml, llama2, llama3, llama3.1, zephyr, mistral "
        "or plain; model: the model's own");
  visit("mask_prompt", c.mask_prompt, "compute the loss on the answers only");
  visit("max_tokens", c.max_tokens, "truncate longer examples; 0: the context length of the model");
  visit("dropout", c.dropout, "dropout during finetuning");
}

struct ResponsesConfig {
  int64_t count = -1;
  GenerationConfig generation;  // its fields stand beside it
};

template <class Visitor>
void visit_fields(ResponsesConfig& c, Visitor&& visit) {
  visit("count", c.count, "number of test instructions to answer in responses.json; -1: all");
  visit_fields(c.generation, visit);
}

struct FinetuneInstructConfig {
  int64_t seed = 123;
  std::string device = "auto";
  NameOrPath model = {"gpt2"};
  InstructDataConfig data;
  InstructConfig instruct;
  TrainConfig train = {.epochs = 2, .lr = 5e-5, .schedule = Schedule::kConstant, .eval_every = 5};
  SampleConfig sample;
  ResponsesConfig responses;
};

template <class Visitor>
void visit_fields(FinetuneInstructConfig& c, Visitor&& visit) {
  visit("seed", c.seed, "seed of data order and dropout; -1: draw a new seed");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("model", c.model, "pretrained model: folder or name");
  visit("data", c.data, "instructions and answers");
  visit("instruct", c.instruct, "chat template and text settings");
  visit("train", c.train, "training settings");
  visit("sample", c.sample, "instruction to answer during training");
  visit("responses", c.responses, "answers to the test instructions at the end");
}

FinetuneInstructConfig load_finetune_instruct_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins);

struct FinetuneInstructSummary {
  TrainSummary train;
  std::filesystem::path run;
  int64_t responses = 0;
};

/// Trains, writes answers to the test instructions to responses.json, and the model to <out>/model.
/// `world` joins the other processes of the training, if there are any.
FinetuneInstructSummary run_finetune_instruct(const TaskRequest& wanted, World& world);

/// The messages of a row, up to the request.
Conversation conversation_of(const ChatFormat& chat, const PromptFields& request);
/// The rows in the model's chat template, with their answers. Fails naming a row that the template
/// refuses.
std::vector<InstructionExample> encode_rows(const ChatFormat& chat,
                                            const std::vector<InstructionRow>& rows);
/// The model's answer to one request in its chat template. It ends at the end of a turn or a text.
Generation answer(const LanguageModel& model, const PromptFields& request,
                  const GenerationConfig& config, const OnText& on_text = {});

}  // namespace gptkit
