#pragma once
// samples.txt: text that the model writes during training, so that people see it learn.

#include "train/observers/observer.h"
#include "train/run_folder.h"
#include "train/training.h"

namespace gptkit {

class SampleFile : public TrainObserver {
 public:
  /// `ranks` is the number of processes that train together; only rank 0 has a SampleFile.
  SampleFile(const Samples& samples, const RunFolder& folder, int64_t ranks)
      : samples_(samples), folder_(folder), ranks_(ranks) {}

  void begin(const RunStart& start) override { folder_.cut_samples(start.sample_bytes); }
  void evaluating(const RunProgress& run, bool loss) override;
  void before_checkpoint() override { folder_.sync_samples(); }

 private:
  void write(const std::string& when);

  const Samples& samples_;
  const RunFolder& folder_;
  int64_t ranks_;
};

}  // namespace gptkit
