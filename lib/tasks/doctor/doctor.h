#pragma once
// The report of the doctor program on the machine and the build, for bug reports.

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace gptkit {

/// Known when gptkit is built.
struct BuildFacts {
  std::string version, commit, compiler;
  std::string libtorch;       // its version
  std::string libtorch_path;  // the library that is loaded
};

struct MachineFacts {
  std::string system;              // kernel and C library
  std::string processor;           // its model
  std::vector<std::string> flags;  // those that kernels use
  std::string kernels;             // the implementation of each operation
  int64_t cores = 0, threads = 0;  // physical cores and hardware threads this process may use
  int64_t memory_bytes = 0, available_bytes = 0;
  std::vector<std::string> gpus;  // empty: none, or a LibTorch without CUDA
  bool cuda_build = false;
};

struct SurroundingFacts {
  std::string home;                        // GPTKIT_HOME or its default
  std::vector<std::string> cached_models;  // folders in it
  std::string temporary_folder;
  std::string temporary_problem;  // why the folder is not writable; empty: it is
  std::string locale;
  std::vector<std::string> variables;  // NAME=value of variables that affect gptkit
};

struct DoctorReport {
  BuildFacts build;
  MachineFacts machine;
  SurroundingFacts surroundings;
};

/// Collects facts about LibTorch, the compiler, the processor and its kernels.
BuildFacts build_facts(const std::string& version, const std::string& commit);
MachineFacts machine_facts();
SurroundingFacts surrounding_facts();

OrderedJson to_json(const DoctorReport& report);
/// A line for each fact.
std::string to_text(const DoctorReport& report);
/// The lines of --version after the first: LibTorch, processor, kernels.
std::string version_details();

}  // namespace gptkit
