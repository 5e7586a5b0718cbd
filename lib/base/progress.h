#pragma once
// Progress of a long job on standard error: a redrawn bar with rate and ETA on a terminal, a plain
// line every ten seconds elsewhere, nothing with --quiet.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gptkit {

class Progress {
 public:
  /// `total` in `unit`s ("steps", "MB", "texts"); `done` is where a resumed job starts.
  Progress(std::string label, std::int64_t total, std::string unit, std::int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Sets the amount done; `note` stands at the end of the line ("loss 3.21"). Redraws at most ten
  /// times a second, so calling it in a loop costs little.
  void update(std::int64_t done, std::string_view note = {});
  void finish();  ///< draws the last state and ends the line; called by the destructor too

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_, unit_, note_;
  std::int64_t total_, start_, done_;
  Clock::time_point begin_, drawn_;
  bool finished_ = false, ever_drawn_ = false;
  void draw(bool last);
};

}  // namespace gptkit
