// SPDX-License-Identifier: MIT
//
// The explanation as JSON: schema leakshim.hang/1, described in leakshim.hang.1.schema.json. Fields are
// added, never renamed or removed. One value, strictly UTF-8.
#include <nlohmann/json.hpp>

#include "encoding.h"
#include "hang_words.h"
#include "record_json.h"
#include "redact.h"

namespace leakshim::tools {

namespace {

using Json = nlohmann::ordered_json;

Json text_or_null(const std::string& text) {
    return text.empty() ? Json() : Json(to_utf8(text));
}

class Writer {
  public:
    Writer(const Hang& hang, const Style& style) : hang_(hang), style_(style) {}

    Json whole() {
        Json json = {{"schema", "leakshim.hang/1"}, {"pid", hang_.pid}};
        json["runner"] = hang_.runner != 0 ? Json(hang_.runner) : Json();
        json["ended"] = hang_.ended;
        json["session"] = text_or_null(hang_.session);
        put_path(json, "ledger", hang_.ledger);
        json["summary"] = to_utf8(hang_summary(hang_, style_));
        json["processes"] = Json::array();
        for (const HangProcess& process : hang_.processes)
            json["processes"].push_back(process_json(process));
        json["more"] = hang_.more;
        json["unseen"] = Json::array();
        for (const std::string& sentence : hang_.unseen)
            json["unseen"].push_back(to_utf8(sentence));
        return json;
    }

  private:
    Json party_json(const Party& party) {
        Json json = {{"pid", party.pid}};
        if (party.fd >= 0) json["fd"] = party.fd;
        json["state"] = state_words(party.state);
        json["name"] = text_or_null(party.name);
        json["command"] = command_json(style_.redact ? redact_command(party.command) : party.command);
        json["test"] = text_or_null(party.test);
        json["session"] = text_or_null(party.session);
        return json;
    }

    Json parties_json(const std::vector<Party>& parties) {
        Json json = Json::array();
        for (const Party& party : parties)
            json.push_back(party_json(party));
        return json;
    }

    Json descriptor_json(const HangProcess& process, const HangDescriptor& descriptor) {
        Json json = {{"fd", descriptor.waited.fd}};
        json["to_read"] = descriptor.waited.to_read;
        json["to_write"] = descriptor.waited.to_write;
        json["kind"] = descriptor.file ? Json(file_kind_name(descriptor.file->kind)) : Json();
        put_path(json, "target", descriptor.file ? descriptor.file->target : std::string());
        json["other_end"] = parties_json(descriptor.others);
        json["sentence"] = descriptor_words(process, descriptor, style_);
        return json;
    }

    Json thread_json(const HangProcess& process, const HangThread& thread) {
        Json json = {{"tid", thread.tid}, {"name", text_or_null(thread.name)}};
        json["state"] = state_words(thread.state);
        json["test"] = text_or_null(thread.test);
        json["site"] = text_or_null(thread.site);
        json["start_routine"] = text_or_null(thread.routine);
        json["waits_for"] = wait_kind_name(thread.wait.kind);
        json["call"] = text_or_null(thread.wait.call);
        json["thread"] = thread.wait.thread != 0 ? Json(thread.wait.thread) : Json();
        json["children"] = parties_json(thread.children);
        json["descriptors"] = Json::array();
        for (const HangDescriptor& descriptor : thread.descriptors)
            json["descriptors"].push_back(descriptor_json(process, descriptor));
        json["sentence"] = wait_words(process, thread, style_);
        return json;
    }

    Json output_json(const HangOutput& output) {
        Json json = {{"fds", output.fds}, {"kind", file_kind_name(output.file.kind)}};
        put_path(json, "target", output.file.target);
        json["writers"] = parties_json(output.writers);
        json["readers"] = parties_json(output.readers);
        return json;
    }

    Json process_json(const HangProcess& process) {
        constexpr const char* kRoles[] = {"asked", "waited_for", "survivor"};
        Json json = party_json(process.who);
        json["role"] = kRoles[static_cast<int>(process.role)];
        json["waiter"] = process.waiter != 0 ? Json(process.waiter) : Json();
        json["threads"] = Json::array();
        for (const HangThread& thread : process.threads)
            json["threads"].push_back(thread_json(process, thread));
        json["outputs"] = Json::array();
        for (const HangOutput& output : process.outputs)
            json["outputs"].push_back(output_json(output));
        return json;
    }

    const Hang& hang_;
    const Style& style_;
};

}  // namespace

void write_hang_json(const Hang& hang, const Style& style, const Sink& sink) {
    sink(Writer(hang, style).whole().dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace leakshim::tools
