// SPDX-License-Identifier: MIT
//
// One record as JSON, and the small pieces that records and the rest of the report share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "report.h"

namespace leakshim::tools {

/// Makes the records of leakshim.report/1. Remembers the command line of the process that it met last, since
/// things made by one process come in rows.
class RecordWriter {
  public:
    RecordWriter(const Report& report, bool redact) : report_(report), redact_(redact) {}
    nlohmann::ordered_json operator()(const Item& item);

  private:
    const nlohmann::ordered_json& command_of_process(u32 process);

    const Report& report_;
    bool redact_;
    u32 last_process_ = kNone;
    nlohmann::ordered_json last_command_;
};

/// Names a record within its session.
std::string record_id(const Item& item);

/// `key`: the name, null when it is empty. Where it is not UTF-8, the name with U+FFFD in it, and its bytes
/// percent-encoded under `key`_uri.
void put_path(nlohmann::ordered_json& json, const std::string& key, std::string_view name);

/// A list of texts; null when the command line is not known.
nlohmann::ordered_json command_json(const std::vector<std::string>& arguments);

/// ISO 8601 in UTC; null for 0.
nlohmann::ordered_json time_json(u64 realtime_ns);

}  // namespace leakshim::tools
