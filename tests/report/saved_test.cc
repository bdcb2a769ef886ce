// SPDX-License-Identifier: MIT
//
// Saved reports read back: nothing is lost on the way, and what somebody else wrote does no harm.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "golden.h"
#include "ledger_builder.h"
#include "load.h"
#include "saved_report.h"
#include "tool.h"

using namespace leakshim;
using namespace leakshim::tools;
using namespace leakshim::test;
using nlohmann::json;

namespace {

std::string written_again(const std::vector<std::string>& paths) {
    Reports reports;
    for (const std::string& path : paths) {
        auto saved = read_saved_report(path);
        INFO(saved.status().message());
        REQUIRE(saved.ok());
        for (Report& report : *saved)
            reports.all.push_back(std::move(report));
    }
    std::string text;
    write_json_reports(reports, {}, [&](std::string_view piece) { text += piece; });
    return text;
}

/// Refused in one sentence by the tool, with status 3 and nothing on standard output.
void check_refused(const std::string& path, std::string_view why) {
    Ran ran = run_tool({path});
    INFO(ran.err);
    CHECK(ran.status == 3);
    CHECK(ran.out.empty());
    CHECK(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
    CHECK(contains(ran.err, why));
}

}  // namespace

TEST_CASE("a saved report says all that it said when it was written") {
    ScratchDirectory scratch;
    for (const std::string& ledger :
         {make_clean(scratch.path()), make_daemon(scratch.path()), make_everything(scratch.path()),
          make_odd_names(scratch.path()), make_traps(scratch.path()), make_cycles(scratch.path()),
          make_dead(scratch.path(), scratch.path(), scratch / "gone")}) {
        std::string text = json_of(ledger);
        write_file(scratch / "saved.json", text);
        CHECK(written_again({scratch / "saved.json"}) == text);
    }
}

TEST_CASE("reports of shards are shown as one, in any order of merging, with each session by its name") {
    ScratchDirectory scratch;
    std::string a = make_daemon(scratch.path()), b = make_everything(scratch.path()),
                c = make_traps(scratch.path());
    for (const std::string& path : {a, b, c})
        write_file(path + ".json", json_of(path));
    Ran all = run_tool({a + ".json", b + ".json", c, "--json"});
    CHECK(all.status == 1);
    write_file(scratch / "ab.json", run_tool({a + ".json", b + ".json", "--json"}).out);
    CHECK(run_tool({scratch / "ab.json", c + ".json", "--json"}).out == all.out);
    json report = json::parse(all.out);
    REQUIRE(report["sessions"].size() == 3);
    json sum = json::parse(json_of(a))["summary"];
    for (const std::string& path : {b, c}) {
        json summary = json::parse(json_of(path))["summary"];
        for (auto& [key, value] : sum.items())
            value = value.get<int>() + summary[key].get<int>();
    }
    CHECK(report["summary"] == sum);
    for (const json& record : report["records"])
        CHECK(record["session"].get<std::string>().size() == 32);
    Ran text = run_tool({a + ".json", b + ".json"});
    CHECK(contains(text.out, "leakshim session dae0"));
    CHECK(contains(text.out, "leakshim session a110"));
    CHECK(contains(text.out, "\nSUMMARY: leakshim: 2 sessions, 21 errors"));
}

TEST_CASE("what is no saved report is refused in one sentence") {
    ScratchDirectory scratch;
    std::string whole = json_of(make_everything(scratch.path()));
    std::string file = scratch / "saved.json";
    auto refuse = [&](std::string_view content, std::string_view why) {
        write_file(file, content);
        check_refused(file, why);
    };
    refuse(whole.substr(0, whole.size() / 2), "no JSON, or cut short");
    refuse("{", "no JSON");
    refuse("{}", "another schema");
    refuse(R"({"schema":"leakshim.report/2"})", "another schema");
    refuse(R"({"schema":"leakshim.report/1"})", "has no \"records\"");
    auto changed = [&](auto change) {
        json report = json::parse(whole);
        change(report);
        return report.dump();
    };
    refuse(changed([](json& report) { report["records"] = "\x1b[2J"; }), "records is no list");
    refuse(changed([](json& report) { report["records"][3]["kind"] = "black hole"; }), "does not know");
    refuse(changed([](json& report) { report["records"][0]["pid"] = 1e300; }), "records/0/pid is no number");
    refuse(changed([](json& report) { report["records"][0]["born"] = "now"; }), "is no time");
    refuse(changed([](json& report) { report["session"].erase("root"); }), "session has no \"root\"");
    refuse(changed([](json& report) { report["sessions"] = json::array(); }), "has no \"session\"");
    refuse(std::string(3'000'000, '{'), "no JSON");
    CHECK(run_tool({make_clean(scratch.path()), file}).status == 3);  // one bad file spoils all
}

TEST_CASE("a thousand saved reports with changed values do no harm") {
    ScratchDirectory scratch;
    json original = json::parse(json_of(make_everything(scratch.path())));
    json flat = original.flatten();
    std::vector<std::string> places;
    for (const auto& [place, value] : flat.items())
        places.push_back(place);
    const json values[] = {nullptr, -1,  1u << 31, UINT64_MAX,    0.5,           "",
                           "x",     "%", true,     json::array(), json::object()};
    std::mt19937 random(20251121);
    int readable = 0;
    for (int round = 0; round < 1000; ++round) {
        json report = original;
        for (int changes = 0; changes < 2; ++changes)
            report[json::json_pointer(places[random() % places.size()])] =
                values[random() % std::size(values)];
        write_file(scratch / "saved.json", report.dump());
        auto saved = read_saved_report(scratch / "saved.json");
        if (!saved.ok()) continue;
        ++readable;
        Reports reports;
        reports.all = std::move(*saved);
        size_t said = 0;
        for (const Format& format : formats())
            format.write_reports(reports, {}, [&](std::string_view piece) { said += piece.size(); });
        CHECK(said != 0);
    }
    CHECK(readable > 50);
    CHECK(readable < 950);
}
