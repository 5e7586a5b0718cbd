#pragma once
// The rows of metrics.jsonl as a TensorBoard event file, events.out.tfevents.TIME.HOST.PID.gptkit:
// TFRecords (tensorflow/core/lib/io/record_writer.h) of Event protobufs
// (tensorflow/core/util/event.proto), of which the few fields needed are written by hand.
//
//   record  uint64 length, uint32 masked CRC-32C of those 8 bytes, the bytes, uint32 masked CRC-32C
//           of the bytes; all little endian
//   Event   1 wall_time (double), 2 step (varint), then one of 3 file_version (string), 5 summary,
//           7 session_log {1 status: 1 is START}
//   Summary 1 value (repeated) {1 tag (string), 2 simple_value (float)}
//
// The first event is the version "brain.Event:2", the second a session_log START of step 0: a
// TensorBoard that has shown an earlier file of the run forgets it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace gptkit {

/// A record as written to the file.
std::string tf_record(std::string_view bytes);

/// An Event with a summary of every finite number of a metrics row but its step and seconds. Tags
/// are the row's names.
std::string scalar_event(const OrderedJson& row, double wall_time);

class EventFile {
 public:
  /// Starts a file in the folder with the rows so far. Files that earlier processes of the run left
  /// are cut to their first event, so no step is missing or duplicated. They are not removed,
  /// because a TensorBoard that waits at the end of a removed file would never continue with the
  /// new one. `seconds` of training have passed: wall times are computed from it and the seconds of
  /// the rows.
  EventFile(const std::filesystem::path& folder, const std::vector<OrderedJson>& rows,
            double seconds);

  /// One record in one write.
  void append(const OrderedJson& row);

 private:
  std::filesystem::path path_;
  std::string event_of(const OrderedJson& row) const;
  double began_;  // Unix time at which the training's clock was 0
};

}  // namespace gptkit
