// SPDX-License-Identifier: MIT
#include "tool.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "ledger_builder.h"
#include "load.h"
#include "pointers.h"

namespace leakshim::test {

namespace {

[[noreturn]] void become(std::vector<std::string> arguments, std::vector<std::string> environment,
                         const std::string& out, const std::string& err) {
    int in_fd = open("/dev/null", O_RDONLY);
    int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err_fd = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(in_fd, 0), dup2(out_fd, 1), dup2(err_fd, 2);
    execve(arguments[0].c_str(), tools::pointers_to(arguments).data(),
           tools::pointers_to(environment).data());
    _exit(126);
}

std::string written(const std::string& ledger, const tools::Style& style, std::string_view format) {
    auto file = tools::LedgerFile::open(ledger);
    if (!file.ok()) throw std::runtime_error(std::string(file.status().message()));
    std::string text;
    tools::Reports reports;
    reports.all.push_back(tools::load_report(**file));
    tools::find_format(format)->write_reports(reports, style, [&](std::string_view piece) { text += piece; });
    return text;
}

}  // namespace

Ran run_tool(const std::vector<std::string>& arguments,
             const std::map<std::string, std::string>& environment) {
    const char* tool = std::getenv("LEAKSHIM_REPORT");
    if (tool == nullptr) throw std::runtime_error("LEAKSHIM_REPORT names no tool");
    ScratchDirectory scratch;
    std::vector<std::string> words = {tool};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = {"PATH=/usr/bin:/bin", "TZ=UTC"};
    for (const auto& [name, value] : environment)
        variables.push_back(name + "=" + value);
    pid_t child = fork();
    if (child == 0) become(words, variables, scratch / "out", scratch / "err");
    int status = 0;
    waitpid(child, &status, 0);
    Ran ran;
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ran.out = file_text(scratch / "out");
    ran.err = file_text(scratch / "err");
    return ran;
}

Ran run_tool_in(const std::string& directory, std::vector<std::string> arguments) {
    return run_tool(arguments, {{"LEAKSHIM_DIR", directory}});
}

std::string text_of(const std::string& ledger, const tools::Style& style) {
    return written(ledger, style, "text");
}
std::string json_of(const std::string& ledger, const tools::Style& style) {
    return written(ledger, style, "json");
}

void write_file(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace leakshim::test
