#include "tasks/finetune_instruct/finetune_instruct.h"

#include <ATen/Parallel.h>

#include <chrono>
#include <span>

#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stop.h"
#include "data/corpus/token_shard.h"
#include "data/fingerprint.h"
#include "infer/generator.h"
#include "tasks/training/language_model_objective.h"
#include "tasks/training/ranks.h"
#include "tasks/training/seed.h"
#include "tensors/device.h"
#include "text/end_of_text.h"
#include "train/finished.h"

namespace gptkit {

namespace {

/// The sample's instruction, answered by the modules: the weights are others each time, and the
/// text is that of the book.
Samples samples_of(const LanguageModel& model, const SampleConfig& sample) {
  if (sample.prompt.empty()) return {};
  return {[&] {
    const auto text = answer(model, {sample.prompt, ""}, sample.generation).text;
    return concat(sample.prompt, " -> ", text);
  }};
}

/// The fingerprint of version 0.1, which had neither system messages nor earlier turns; empty if
/// there are any. Its prompts lacked the begin-of-text token, even if the tokenizer has one.
std::string old_fingerprint(const std::vector<InstructionRow>& rows, const Tokenizer& tokenizer) {
  if (tokenizer.begin_of_text()) return {};
  std::string all;
  for (const auto& row : rows) {
    if (row.prompt.system || !row.prompt.history.empty()) return {};
    all.append(row.prompt.instruction + '\0' + row.prompt.input + '\0' + row.output + '\n');
  }
  return sha256_hex(all).substr(0, 16);
}

std::string fingerprint(const InstructionData& data, const InstructionDataset& train,
                        const InstructionDataset& validation, const Tokenizer& tokenizer) {
  Fingerprint all;
  for (const auto& part :
       {train.fingerprint(), validation.fingerprint(), tokenizer_sha256(tokenizer)}) {
    all.add(part);
  }
  return data_fingerprint(old_fingerprint(data.train, tokenizer), all);
}

/// Logs the number of rows that training leaves out or cuts.
void tell_left_out(const InstructionData& data, const InstructionDataset& train,
                   const InstructionDataset& validation, int64_t limit) {
  std::string counts;
  const auto add = [&](int64_t rows, const std::string& why) {
    if (rows > 0) counts += concat(counts.empty() ? "" : ", ", rows, " ", why);
  };
  add(data.skipped.skipped_empty, "without an answer are left out");
  add(data.skipped.skipped_broken, "with half of a character are left out");
  add(train.skipped_without_target() + validation.skipped_without_target(),
      concat("whose masked prompt fills the limit of ", limit, " tokens are left out"));
  add(train.truncated() + validation.truncated(), concat("are cut to ", limit, " tokens"));
  if (!counts.empty()) log_warning("instructions: ", counts);
}

/// On the CPU all together by decoding; the weights no longer change. Elsewhere one by one.
void generate_all(const LanguageModel& model, std::span<const GenerationRequest> requests,
                  const OnDone& on_done) {
  if (requests.empty()) return;
  const auto& shape = model.gpt->config();
  if (model.gpt->device().is_cpu()) {
    DecodingModel decoding(shape, layers_of(model.gpt), {.threads = at::get_num_threads()});
    Engine engine(decoding, engine_options(model, shape.vocab_size));
    generate(engine, *model.tokenizer, requests, {}, on_done);
    return;
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    stop_if_asked("stopped while answering");
    on_done(i, generate(model, requests[i].prompt, requests[i].config));
  }
}

/// responses.json, the book's instruction-data-with-response.json: the test rows and the model's
/// answers; null if not answered yet.
class Responses {
 public:
  /// Reuses the answers of an interrupted run.
  Responses(const RunFolder& run, const std::vector<InstructionRow>& rows,
            const ResponsesConfig& config)
      : run_(run), path_(run.path() / "responses.json"), generation_(config.generation) {
    const auto all = std::ssize(rows);
    const auto count = config.count < 0 ? all : std::min(config.count, all);
    for (int64_t i = 0; i < count; ++i) {
      const auto& row = rows[static_cast<size_t>(i)];
      rows_.push_back(row.prompt);
      answers_.push_back({{"instruction", row.prompt.instruction},
                          {"input", row.prompt.input},
                          {"output", row.output},
                          {"model_response", nullptr}});
    }
    if (run.same_config() && fs::exists(path_))
      take_over(parse_json(read_file(path_), path_.string()));
  }

  int64_t count() const { return std::ssize(rows_); }
  int64_t answered() const {
    return std::count_if(answers_.begin(), answers_.end(),
                         [](const auto& row) { return !row.at("model_response").is_null(); });
  }

  /// Answers the remaining instructions. The file is written at intervals, and on a signal.
  void complete(const LanguageModel& model) {
    std::vector<size_t> rows;  // to answer
    const auto requests = open_requests(model, rows);
    Progress progress("answering", count(), "instructions", answered());
    auto written = std::chrono::steady_clock::now();
    const auto on_done = [&](size_t index, const Generation& result) {
      answers_[rows[index]]["model_response"] = require_chat(model).answer_of(result.text);
      progress.update(answered());
      if (std::chrono::steady_clock::now() - written < kRewrite) return;
      write();
      written = std::chrono::steady_clock::now();
    };
    try {
      stop_if_asked("stopped while answering");
      generate_all(model, requests, on_done);
    } catch (const Stopped& stopped) {
      progress.finish();
      write();
      throw Stopped(stopped.signal(),
                    concat("stopped after ", answered(), " of ", count(), " answers; they are in ",
                           path_.string(),
                           ", the model is complete; continue with: ", run_.resume_command()));
    }
    progress.finish();
    write();
  }

 private:
  static constexpr auto kRewrite = std::chrono::seconds(30);

  const RunFolder& run_;
  fs::path path_;
  GenerationConfig generation_;
  std::vector<PromptFields> rows_;
  OrderedJson answers_ = OrderedJson::array();

  /// What is left to answer, in order, and the rows it belongs to. Instructions longer than the
  /// context get an empty answer.
  std::vector<GenerationRequest> open_requests(const LanguageModel& model,
                                               std::vector<size_t>& rows) {
    const int64_t context = model.gpt->config().context_length;
    const auto& chat = require_chat(model);
    auto settings = generation_;
    if (!chat.end_of_turn().empty()) settings.stop.push_back(chat.end_of_turn());
    int64_t too_long = 0;
    std::vector<GenerationRequest> requests;
    for (size_t i = 0; i < rows_.size(); ++i) {
      auto ids = chat.encode_prompt(conversation_of(chat, rows_[i]));
      const bool fits = std::ssize(ids) <= context;
      too_long += !fits;
      auto& response = answers_[i]["model_response"];
      if (!fits) response = "";
      if (!response.is_null()) continue;
      requests.push_back({std::move(ids), settings});
      rows.push_back(i);
    }
    if (too_long > 0) {
      log_warning(too_long, " of ", count(),
                  " test instructions are longer than the model's context of ", context,
                  " tokens: their answers are empty");
    }
    return requests;
  }

  /// Takes answers to the same instructions at the same positions.
  void take_over(const Json& before) {
    if (!before.is_array()) return;
    for (size_t i = 0; i < std::min(before.size(), answers_.size()); ++i) {
      const auto& old = before[i];
      auto& row = answers_[i];
      if (!old.is_object() || !old.value("model_response", Json()).is_string()) continue;
      const bool same = old.value("instruction", Json()) == Json(row.at("instruction")) &&
                        old.value("input", Json()) == Json(row.at("input")) &&
                        old.value("output", Json()) == Json(row.at("output"));
      if (same) row["model_response"] = old.at("model_response").get<std::string>();
    }
  }

  void write() const { write_file_atomic(path_, dump_json(answers_, 4) + "\n"); }
};

void check_ranges(const FinetuneInstructConfig& config) {
  validate(config.train);
  validate_for_one(config.sample.generation, "sample");
  validate(config.data.split);
  require(config.instruct.max_tokens >= 0, Key{"instruct.max_tokens"}, ": ",
          config.instruct.max_tokens, " is out of range; expected 0 (the model's context) or more");
  require(config.instruct.dropout >= 0 && config.instruct.dropout < 1, Key{"instruct.dropout"},
          ": ", config.instruct.dropout, " is out of range; expected at least 0 and less than 1");
  require(config.responses.count >= -1, Key{"responses.count"}, ": ", config.responses.count,
          " is out of range; expected 0 or more, or -1 for all");
  validate_for_one(config.responses.generation, "responses");
}

}  // namespace

FinetuneInstructConfig load_finetune_instruct_config(const ConfigInputs& inputs,
                                                     ConfigOrigins& origins) {
  FinetuneInstructConfig config;
  origins = load_config(config, inputs);
  with_origins(origins, [&] { check_ranges(config); });
  return config;
}

Conversation conversation_of(const ChatFormat& chat, const PromptFields& request) {
  Conversation messages;
  if (request.system) messages.push_back({"system", *request.system});
  for (const auto& turn : request.history) {
    messages.push_back({"user", turn.request});
    messages.push_back({"assistant", turn.response});
  }
  messages.push_back({"user", chat.request(request.instruction, request.input)});
  return messages;
}

std::vector<InstructionExample> encode_rows(const ChatFormat& chat,
                                            const std::vector<InstructionRow>& rows) {
  std::vector<InstructionExample> examples;
  for (const auto& row : rows) {
    try {
      auto [ids, prompt_tokens] =
          chat.encode_example(conversation_of(chat, row.prompt), row.output);
      examples.push_back({std::move(ids), prompt_tokens});
    } catch (const Error& error) {
      fail("instruction row ", row.row, " (the first is 0): ", error.what());
    }
  }
  return examples;
}

Generation answer(const LanguageModel& model, const PromptFields& request,
                  const GenerationConfig& config, const OnText& on_text) {
  const auto& chat = require_chat(model);
  auto settings = config;
  if (!chat.end_of_turn().empty()) settings.stop.push_back(chat.end_of_turn());
  const auto prompt = chat.encode_prompt(conversation_of(chat, request));
  auto result = generate(model, prompt, settings, on_text);
  result.text = chat.answer_of(result.text);
  return result;
}

namespace {

/// instruct.prompt_style: a built-in template, or the model's own.
void choose_chat_template(LanguageModel& model, const FinetuneInstructConfig& config) {
  if (const auto style = config.instruct.prompt_style; style != PromptStyle::kModel) {
    const bool with_begin = model.tokenizer->begin_of_text().has_value();
    set_chat_template(model, style_template(style, with_begin), "instruct.prompt_style");
  }
  require(!model.chat_template.empty() || !model.chat_problem.empty(), Key{"instruct.prompt_style"},
          ": '", config.model.text,
          "' has no chat template; choose a built-in one: alpaca, phi3, chatml, llama2, llama3, "
          "llama3.1, zephyr, mistral or plain");
}

FinetuneInstructSummary finetune(FinetuneInstructConfig read, const TaskRequest& request,
                                 World& world) {
  require(!read.data.train.empty(), Key{"data.train"},
          ": no instructions; set it in the config file or with ", Key{"data.train", "FILE"});
  const auto device = join_ranks(world, read.device, read.train);
  set_threads(request.threads);
  read.seed = settled_seed(read.seed, world);
  const auto config = std::move(read);
  seed_everything(config.seed);

  auto model = load_language_model(config.model.text, {.dropout = config.instruct.dropout});
  choose_chat_template(model, config);
  const auto& chat = require_chat(model);
  if (const auto& prompt = config.sample.prompt; !prompt.empty()) {
    require_room(std::ssize(chat.encode_prompt(conversation_of(chat, {prompt, ""}))), model,
                 "sample.prompt with its chat template");
  }
  const auto data = load_instructions({.train = config.data.train,
                                       .validation = config.data.validation,
                                       .test = config.data.test,
                                       .split = config.data.split,
                                       .strict = config.data.strict});
  const int64_t context = model.gpt->config().context_length;
  const int64_t limit = config.instruct.max_tokens > 0 ? config.instruct.max_tokens : context;
  require(limit <= context, Key{"instruct.max_tokens"}, ": ", limit,
          " is longer than the model's context of ", context);
  const auto end = require_end_of_text(*model.tokenizer);
  add_generation_end(model.roles, *model.tokenizer, end);
  if (const auto turn_end = model.tokenizer->special_id(chat.end_of_turn())) {
    add_generation_end(model.roles, *model.tokenizer, *turn_end);
  }
  const InstructionDatasetOptions options{
      .mask_prompt = config.instruct.mask_prompt, .allowed_max_length = limit, .pad_id = end};
  const auto train_set =
      std::make_shared<InstructionDataset>(encode_rows(chat, data.train), options);
  const auto validation_set =
      std::make_shared<InstructionDataset>(encode_rows(chat, data.validation), options);

  encode_rows(chat, data.test);  // errors of the template are reported before training

  auto inputs = config.data.train;
  for (const auto* more : {&config.data.validation, &config.data.test}) {
    inputs.insert(inputs.end(), more->begin(), more->end());
  }
  inputs.emplace_back(config.model.text);
  const RunFolder run(request.out, request.mode, run_folder_options(request, world, inputs));
  run.write_config(config_to_yaml(config), restated_config<FinetuneInstructConfig>);
  const RunContext run_context{world, device, config.seed, run};
  const auto data_fingerprint = fingerprint(data, *train_set, *validation_set, *model.tokenizer);
  if (const auto done = nothing_left_to_train(run_context, data_fingerprint)) {
    const Responses responses(run, data.test, config.responses);
    const bool complete = responses.answered() == responses.count();
    if (!world.broadcast_text(complete ? "complete" : "").empty()) {
      return {*done, run.path(), responses.count()};
    }
  }
  log_info("instructions: ", train_set->size(), " to train, ", validation_set->size(),
           " to validate, ", data.test.size(), " to test");
  tell_left_out(data, *train_set, *validation_set, limit);
  model.gpt->to(device);
  seed_everything(config.seed);
  LanguageModelObjective objective(model.gpt);
  Training training(objective, {train_set, validation_set, data_fingerprint}, config.train);
  training.samples = samples_of(model, config.sample);
  FinetuneInstructSummary summary{train(training, run_context), run.path()};
  if (!world.is_main()) return summary;
  model.gpt->eval();
  leave_model(run, summary.train, data_fingerprint,
              [&](const fs::path& folder) { save_language_model(folder, model); });
  Responses responses(run, data.test, config.responses);
  responses.complete(model);
  summary.responses = responses.count();
  return summary;
}

}  // namespace

FinetuneInstructSummary run_finetune_instruct(const TaskRequest& wanted, World& world) {
  const auto request = with_run_folder(wanted, "finetune-instruct");
  ConfigOrigins origins;
  const auto config = load_finetune_instruct_config(request.inputs, origins);
  return with_origins(origins, [&] { return finetune(config, request, world); });
}

}  // namespace gptkit
