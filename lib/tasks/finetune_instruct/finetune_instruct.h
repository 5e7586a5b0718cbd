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
  visit("train", c.train, "JSON: Alpaca rows, messages or ShareGPT's conversations");
  visit("validation", c.validation, "files; none: the last part of train");
  visit("test", c.test, "files; none: the middle part of train");
  visit("split", c.split, "shares of train for each split, when validation has no files");
  visit("strict", c.strict, "refuse keys that are not read and rows that would be left out");
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
  visit("mask_prompt", c.mask_prompt, "learn from the answers only");
  visit("max_tokens", c.max_tokens, "longer examples are cut; 0: the model's context");
  visit("dropout", c.dropout, "while finetuning");
}

struct ResponsesConfig {
  int64_t count = -1;
  GenerationConfig generation;  // its fields stand beside it
};

template <class Visitor>
void visit_fields(ResponsesConfig& c, Visitor&& visit) {
  visit("count", c.count, "test instructions answered into responses.json; -1: all");
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
  visit("seed", c.seed, "of order and dropout; -1: a new one");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
  visit("model", c.model, "the pretrained model: a folder or a name");
  visit("data", c.data, "instructions and answers");
  visit("instruct", c.instruct, "how they become text");
  visit("train", c.train, "how");
  visit("sample", c.sample, "an instruction answered while learning");
  visit("responses", c.responses, "answers to the test instructions at the end");
}

FinetuneInstructConfig load_finetune_instruct_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins);

struct FinetuneInstructSummary {
  TrainSummary train;
  std::filesystem::path run;
  int64_t responses = 0;
};

/// Trains, answers the test instructions into responses.json, and leaves the model in <out>/model.
/// `world` joins the other processes that train, if there are any.
FinetuneInstructSummary run_finetune_instruct(const TaskRequest& request, World& world);

/// The messages of a row, up to the request.
Conversation conversation_of(const ChatFormat& chat, const PromptFields& request);
/// The rows in the model's chat template, with their answers. Fails naming the row that the
/// template refuses.
std::vector<InstructionExample> encode_rows(const ChatFormat& chat,
                                            const std::vector<InstructionRow>& rows);
/// The model's answer to one request, in its chat template, ending where a turn or a text does.
Generation answer(const LanguageModel& model, const PromptFields& request,
                  const GenerationConfig& config, const OnText& on_text = {});

}  // namespace gptkit
