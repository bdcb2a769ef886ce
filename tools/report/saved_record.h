// SPDX-License-Identifier: MIT
//
// The records of a saved report, as record_json.h writes them.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <map>
#include <utility>

#include "report.h"
#include "saved_field.h"

namespace leakshim::tools {

/// Nanoseconds since the epoch.
u64 time_of(const Field& field);

/// A name with its very bytes: `key`_uri where there is one.
std::string name_of(const Field& object, const char* key);

/// The arguments of a command line; empty when it is null.
std::vector<std::string> command_in(const Field& object, const char* key);

/// Puts records into a report. Two passes, since a thing may have been made by a process that comes later.
class RecordReader {
  public:
    explicit RecordReader(Report& report) : report_(report) {}
    void read(const std::vector<Field>& records);

  private:
    void add_process(const Field& record, u32 index);
    void read_record(const Field& record, Item& item);
    void read_by_kind(const Field& record, Item& item);
    void read_stacks(const Field& record, Item& item);
    ledger::Handle add_stack(std::vector<SourceFrame> frames);
    void read_holds(const Field& holds, u32 process);
    void connect(const std::vector<Field>& records);
    u32 process_of(const Field& record);
    ledger::Handle scope_of(const std::string& text);

    Report& report_;
    std::map<std::pair<int, std::string>, u32> makers_;
    absl::flat_hash_map<int, u32> by_pid_;
    absl::flat_hash_map<std::string, ledger::Handle> scopes_;
};

}  // namespace leakshim::tools
