// SPDX-License-Identifier: MIT
#include "self.h"

#include "env_block.h"
#include "lines.h"
#include "output.h"
#include "pidfd.h"
#include "proc.h"
#include "sys.h"

namespace leakshim::session {

namespace {

constexpr size_t kCommandSize = 3840;
constexpr long kGetPidNamespace = 0xff05;  // PIDFD_GET_PID_NAMESPACE

/// Room for values that outlive the environment they came from.
template <size_t kSize>
struct Kept {
    size_t size;
    char text[kSize];

    /// No data where there is none, or no room.
    Str keep(Str value) {
        if (value.data() == nullptr) return {};
        // Written before it is read: reading a fresh page first would cost a fault more.
        size_t start = __atomic_fetch_add(&size, value.size() + 1, __ATOMIC_RELAXED);
        if (start > sizeof text || value.size() >= sizeof text - start) {
            size = start;  // what comes next may be shorter
            return {};
        }
        __builtin_memcpy(text + start, value.data(), value.size());
        return {text + start, value.size()};
    }
};

// Not all zero at first, so that they lie among what is initialised: in a page that each start writes to
// anyway. The values that most have fit in there.
constinit Kept<512> kept{1, {}};

Kept<6144> kept_too;

Str keep(Str value) {
    Str copy = kept.keep(value);
    return copy.data() != nullptr ? copy : kept_too.keep(value);
}

/// Apart, since what it takes of the stack would be a page more for each start.
template <typename Use>
[[gnu::noinline]] void with_variable_of_proc(Str key, Use use) {
    char buffer[4096];
    use(read_process_variable(sys::getpid(), key, buffer, sizeof buffer));
}
/// Calls `use` with the value of a variable.
template <typename Use>
void with_variable(const Startup& startup, Str key, Use use) {
    if (startup.environment == nullptr) [[unlikely]]
        return with_variable_of_proc(key, use);
    use(find_variable(startup.environment, key));
}

Str kept_variable(const Startup& startup, Str key, TextBuffer& complaints) {
    size_t size = 0;
    Str copy;
    with_variable(startup, key, [&](Str value) { size = value.size(), copy = keep(value); });
    if (copy.size() != size) {
        complaints.add("the value of ")
            .add(Str(key.data(), key.size() - 1))
            .add(" is ignored, because it has ");
        complaints.add_decimal(size).add(" bytes and there is no room for so much; shorten it\n");
    }
    return copy;
}

/// Where our library lies: the file mapped at an address of its code.
void find_own_path(TextBuffer& to) {
    auto address = reinterpret_cast<u64>(&find_own_path);
    int fd = sys::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    char block[1024];
    Lines lines(block, sizeof block);
    Str line;
    MapsLine mapped;
    while (lines.next(line, [fd](char* at, size_t size) { return sys::read(fd, at, size); })) {
        if (!parse_maps_line(line, mapped) || !mapped.holds(address)) continue;
        if (starts_with(mapped.path, "/")) to.add(mapped.path);
        break;
    }
    sys::close(fd);
}

}  // namespace

// Valgrind before 3.21 prints ten lines on a call that it does not know, and then answers ENOSYS.
PidIdentity::PidIdentity(int pid) : fd_(sys::under_valgrind() ? -1 : sys::pidfd_open(pid)) {
    if (fd_ >= 0) inode_ = pidfd_inode(fd_);
}

PidIdentity::~PidIdentity() {
    if (fd_ >= 0) sys::close(fd_);
}

u64 PidIdentity::space() const {
    long space = inode_ == 0 ? -1 : sys::call(SYS_ioctl, fd_, kGetPidNamespace, 0);
    if (space < 0) return 0;
    struct statx st {};
    int answer = sys::statx(static_cast<int>(space), "", AT_EMPTY_PATH, STATX_INO, &st);
    sys::close(static_cast<int>(space));
    return answer < 0 ? 0 : st.stx_ino;
}

u64 pid_namespace() {
    struct statx st {};
    return sys::statx(AT_FDCWD, "/proc/self/ns/pid", 0, STATX_INO, &st) < 0 ? 0 : st.stx_ino;
}

Str command_line(const Startup& startup, TextBuffer& to) {
    if (startup.arguments == nullptr) {
        char buffer[kCommandSize];
        long size = read_process_file(sys::getpid(), "cmdline", buffer, sizeof buffer);
        if (size > 0) to.add(Str(buffer, static_cast<size_t>(size)));
        return to.str();
    }
    for (char** argument = startup.arguments; *argument != nullptr; ++argument)
        to.add(Str(*argument)).add('\0');
    return to.str();
}

Str command_line_in_place(const Startup& startup) {
    if (startup.arguments == nullptr || startup.arguments[0] == nullptr) return {};
    const char* end = startup.arguments[0];
    for (char** argument = startup.arguments; *argument != nullptr; ++argument) {
        if (*argument != end) return {};
        end += Str(end).size() + 1;
    }
    auto size = static_cast<size_t>(end - startup.arguments[0]);
    return size <= kCommandSize ? Str(startup.arguments[0], size) : Str();
}

Str variable(const Startup& startup, Str key, char* to, size_t size) {
    if (startup.environment != nullptr) return find_variable(startup.environment, key);
    return read_process_variable(sys::getpid(), key, to, size);
}

void read_settings(Session& session, const Startup& startup, TextBuffer& complaints) {
    OptionTexts texts;
    texts.leakshim = kept_variable(startup, "LEAKSHIM=", complaints);
    texts.ci = kept_variable(startup, "CI=", complaints);
    texts.options = kept_variable(startup, "LEAKSHIM_OPTIONS=", complaints);
    texts.rules = kept_variable(startup, "LEAKSHIM_RULES=", complaints);
    texts.dir = kept_variable(startup, "LEAKSHIM_DIR=", complaints);
    texts.keep = kept_variable(startup, kKeepKey, complaints);
    session.home = kept_variable(startup, "HOME=", complaints);
    parse_options(texts, session.options, complaints);
}

void remember_preload(Session& session, const Startup& startup) {
    TextBuffer to(session.preload_entry, sizeof session.preload_entry);
    with_variable(startup, kPreloadKey, [&](Str list) {
        Str entry = find_preload_entry(list);
        // A relative name would not survive a chdir.
        if (starts_with(entry, "/"))
            to.add(entry);
        else
            find_own_path(to);
    });
    if (to.truncated()) to.clear();
}

void remember_session(Session& session, Str path) {
    TextBuffer(session.session_entry, sizeof session.session_entry).add(kSessionKey).add(path);
}

void complain(const TextBuffer& text) {
    Str rest = text.str();
    while (text.truncated() && !rest.empty() && rest.back() != '\n')
        rest.remove_suffix(1);
    while (!rest.empty()) {
        Text<1024> line;
        line.add("leakshim: ").add(take_until(rest, '\n'));
        if (line.truncated()) line.cut(line.size() - 4), line.add("...");
        write_harmlessly(2, line.add('\n').str());
    }
    if (text.truncated()) write_harmlessly(2, "leakshim: and there is more wrong; correct this first\n");
}

}  // namespace leakshim::session
