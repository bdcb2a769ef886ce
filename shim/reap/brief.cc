// SPDX-License-Identifier: MIT
#include "brief.h"

#include <sys/socket.h>

#include <new>

#include "kinds.h"
#include "reaping.h"

namespace leakshim::reap {

namespace {

using policy::Degree;

constexpr u32 kMaxErrors = 20;
constexpr u32 kMaxWarnings = 5;
constexpr size_t kMaxName = 300;  // of a command or path; the whole is in the report
constexpr Str kPrefix = "leakshim: ";

/// What printing takes: two walkers, one for the list and one for what its records refer to.
struct Pages {
    alignas(64) char header[sizeof(ledger::Header)];
    alignas(64) char walker[sizeof(ledger::Walker)];
    alignas(64) char looker[sizeof(ledger::Walker)];
    char line[2048];
};

class Brief {
  public:
    Brief(ledger::Ledger& ledger, Pages& pages, const Sink& sink)
        : pages_(pages), sink_(sink), source_(ledger), line_(pages.line, sizeof pages.line) {}

    bool ready();
    bool print(const Result& result);

  private:
    ledger::Header& header() { return *reinterpret_cast<ledger::Header*>(pages_.header); }
    ledger::Walker& looker() { return *reinterpret_cast<ledger::Walker*>(pages_.looker); }
    u32 list(bool (*wanted)(const ledger::Line&), u32 limit);
    void describe(const Entry& entry);
    void add_name(const Entry& entry);
    void add_address(const Entry& entry);
    void add_command(Str command);
    void add_test(Handle scope);
    void add_blind();
    void add_cut(Str text);
    void flush() { sink_(line_.add('\n').str()), line_.clear(); }

    Pages& pages_;
    const Sink& sink_;
    ledger::MappedSource source_;
    TextBuffer line_;
};

bool is_error(const ledger::Line& line) {
    return line.state() != State::live && policy::degree_of(line) == Degree::error;
}
bool is_warning(const ledger::Line& line) {
    return line.state() != State::live && policy::degree_of(line) == Degree::warning;
}
bool is_kept_tree(const ledger::Line& line) {
    return line.state() == State::kept &&
           (line.outcome() == Outcome::kept_at_desk || line.outcome() == Outcome::kept_on_failure);
}

bool Brief::ready() {
    if (ledger::read_header(source_, header()) != ledger::Verdict::ok) return false;
    new (pages_.looker) ledger::Walker(source_, header());
    return true;
}

void Brief::add_cut(Str text) {
    bool cut = text.size() > kMaxName;
    line_.add_safe(cut ? Str(text.data(), kMaxName) : text);
    if (cut) line_.add("...");
}

void Brief::add_command(Str command) {
    char plain[kMaxName + 1];
    size_t size = 0;
    while (!command.empty() && command.back() == '\0')
        command.remove_suffix(1);
    for (; size < command.size() && size < sizeof plain; ++size) {
        plain[size] = command[size] == '\0' ? ' ' : command[size];
    }
    add_cut(Str(plain, size));
}

/// `127.0.0.1:8080`, `[::1]:8080`; groups of zeros are written out but for the address of all zeros.
void Brief::add_address(const Entry& entry) {
    u8 bytes[16];
    __builtin_memcpy(bytes, &entry.b, 8);
    __builtin_memcpy(bytes + 8, &entry.c, 8);
    u16 family = static_cast<u16>(entry.a);
    if (family == AF_INET) {
        for (int i = 0; i < 4; ++i)
            line_.add(i == 0 ? "" : ".").add_decimal(bytes[i]);
    } else if (entry.b == 0 && entry.c == 0) {
        line_.add("[::]");
    } else {
        line_.add('[');
        for (int i = 0; i < 16; i += 2) {
            line_.add(i == 0 ? "" : ":").add_hex(static_cast<u64>(bytes[i]) << 8 | bytes[i + 1]);
        }
        line_.add(']');
    }
    line_.add(':').add_decimal(static_cast<u16>(entry.a >> 32));
}

void Brief::add_name(const Entry& entry) {
    if (entry.kind == Kind::process) {
        line_.add_decimal(static_cast<u64>(entry.number)).add(": ");
        add_command(entry.text);
    } else if (entry.kind == Kind::thread) {
        line_.add_decimal(static_cast<u64>(entry.number));
        char name[17] = {};
        __builtin_memcpy(name, &entry.c, 8);
        __builtin_memcpy(name + 8, &entry.d, 8);
        if (name[0] != '\0') line_.add(" (").add_safe(Str(name)).add(')');
    } else if (ledger::is_fd(entry.kind)) {
        line_.add("fd ").add_decimal(static_cast<u64>(entry.number));
        if (entry.kind == Kind::socket && (entry.a >> 32) != 0) line_.add(", "), add_address(entry);
        if (!entry.text.empty()) line_.add(", "), add_cut(entry.text);
    } else if (ledger::is_sysv_ipc(entry.kind)) {
        if (entry.number != ledger::kNoIpcId)
            line_.add("id ").add_decimal(static_cast<u64>(entry.number)).add(", ");
        line_.add("key 0x").add_hex(entry.a, 8);
    } else {
        add_cut(entry.text);
    }
}

void Brief::add_test(Handle scope) {
    Entry test;
    if (scope == 0 || !looker().get(scope, test) || test.kind != Kind::scope) return;
    line_.add(" [");
    add_cut(test.text);
    line_.add(']');
}

void Brief::describe(const Entry& entry) {
    line_.add(kPrefix);
    bool port =
        entry.kind == Kind::socket && (entry.flags & ledger::flag::kListening) != 0 && (entry.a >> 32) != 0;
    line_.add(port ? Str("listening port") : ledger::kind_title(entry.kind)).add(' ');
    add_name(entry);
    Entry owner;
    bool of_process =
        ledger::is_fd(entry.kind) && entry.owner != header().root && looker().get(entry.owner, owner);
    if (of_process && owner.kind == Kind::process) {
        line_.add(" of ").add_decimal(static_cast<u64>(owner.number));
    }
    add_test(entry.kind == Kind::process && entry.process_scope != 0 ? entry.process_scope : entry.scope);
    Str done = ledger::outcome_text(entry.outcome);
    if (!done.empty()) line_.add(": ").add(done);
    flush();
}

/// Prints the first `limit` of a sort. Returns how many there are.
u32 Brief::list(bool (*wanted)(const ledger::Line&), u32 limit) {
    auto* walker = new (pages_.walker) ledger::Walker(source_, header());
    u32 count = 0;
    ledger::Line line;
    Entry entry;
    while (walker->next(line)) {
        if (wanted(line) && walker->read(line, entry) && ++count <= limit) describe(entry);
    }
    if (count > limit) {
        line_.add(kPrefix).add("and ").add_decimal(count - limit).add(" more");
        flush();
    }
    return count;
}

/// What the shim could not see: nobody shall take a clean report for more than it is.
void Brief::add_blind() {
    using ledger::Counter;
    struct {
        Counter counter;
        Str text;
    } constexpr kBlind[] = {
        {Counter::blind_static, "static programs"},
        {Counter::blind_setid, "set-id programs"},
        {Counter::blind_class, "32-bit programs"},
        {Counter::blind_scan, "found only in /proc"},
        {Counter::left_ledger, "left the ledger"},
        {Counter::dropped_full, "records dropped (no room)"},
        {Counter::dropped_limit, "records dropped (limit)"},
        {Counter::dropped_name, "records dropped (name)"},
        {Counter::dropped_fd, "records dropped (descriptor)"},
    };
    bool any = false;
    for (const auto& row : kBlind) {
        u64 value = header().counters[static_cast<u32>(row.counter)].load(std::memory_order_relaxed);
        if (value == 0) continue;
        line_.add(any ? ", " : "").add_decimal(value).add(' ').add(row.text);
        any = true;
    }
    auto guard = static_cast<ledger::Guard>(header().guard.load(std::memory_order_relaxed));
    if (!ledger::why_no_guard(guard).empty()) {
        line_.add(any ? ", no guard" : "no guard");
        any = true;
    }
    if (!any) line_.add("none");
}

void add_count(TextBuffer& line, u32 count, Str what) {
    line.add_decimal(count).add(' ').add(what);
    if (count != 1) line.add('s');
}

bool Brief::print(const Result& result) {
    u32 errors = list(is_error, kMaxErrors);
    u32 kept = list(is_kept_tree, kMaxErrors);
    u32 warnings = list(is_warning, kMaxWarnings);
    if (errors + kept + warnings == 0) return false;
    line_.add(kPrefix).add("`leakshim-report` shows all, with what each process held\n");
    sink_(line_.str());
    line_.clear();
    line_.add("SUMMARY: leakshim: ");
    add_count(line_, result.errors, "error");
    if (result.errors != 0) {
        line_.add(" (").add_decimal(result.reaped).add(" reaped");
        if (result.failed != 0) line_.add(", ").add_decimal(result.failed).add(" not to be reaped");
        line_.add(')');
    }
    line_.add(", ");
    add_count(line_, result.warnings, "warning");
    if (result.kept != 0) line_.add(", ").add_decimal(result.kept).add(" kept");
    if (result.unresolved != 0) line_.add(", ").add_decimal(result.unresolved).add(" unresolved");
    line_.add("; blind: ");
    add_blind();
    flush();
    return true;
}

}  // namespace

bool print_brief(ledger::Ledger& ledger, const Result& result, const Sink& sink) {
    if (result.errors + result.warnings + result.kept == 0) return false;
    Paged<Pages> pages;
    if (!pages) return false;
    Brief brief(ledger, *pages, sink);
    return brief.ready() && brief.print(result);
}

}  // namespace leakshim::reap
