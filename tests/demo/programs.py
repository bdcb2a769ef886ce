# SPDX-License-Identifier: MIT
"""Starts the demo's real programs. The leaky suite and the bystanders use the same functions, so that one differs from
the other in nothing but who started it: same programs, same names, same command lines."""

import os
import pathlib
import socket
import subprocess

import inventory

PYTHON = "/usr/bin/python3"
HOLDER = str(pathlib.Path(__file__).with_name("port_holder.py"))

_children = []  # a Popen that is collected while its child lives complains


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tmux(tmux_tmpdir, *arguments):
    """Runs tmux with its sockets in tmux_tmpdir and returns what it printed."""
    return subprocess.run(["tmux", "-f", "/dev/null", "-L", "demo", *arguments], check=True, text=True, timeout=20,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          env={**os.environ, "TMUX_TMPDIR": tmux_tmpdir}).stdout


def start_tmux(tmux_tmpdir):
    """A tmux server with one pane; returns both processes, the socket file and its directory."""
    tmux(tmux_tmpdir, "new-session", "-d", "-s", "demo", "sleep", "600")
    server, pane, path = tmux(tmux_tmpdir, "display-message", "-p", "-t", "demo",
                              "#{pid} #{pane_pid} #{socket_path}").split()
    return [inventory.Process(what="tmux server", pid=int(server)),
            inventory.Process(what="program in a tmux pane", pid=int(pane)),
            inventory.SocketFile(what="tmux socket", path=path),
            inventory.Directory(what="tmux directory", path=os.path.dirname(path))]


def start_redis(directory):
    """redis-server in the background; returns its process, its port, its socket file and its pid file."""
    port, path, pid_file = free_port(), f"{directory}/redis.sock", pathlib.Path(directory, "redis.pid")
    subprocess.run(["redis-server", "--daemonize", "yes", "--bind", "127.0.0.1", "--port", str(port), "--unixsocket",
                    path, "--pidfile", str(pid_file), "--dir", directory, "--save", "", "--loglevel", "warning"],
                   check=True, timeout=20, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    listening = inventory.Port(what="redis port", port=port)
    inventory.wait_for(listening.exists, "redis to listen")
    pid = inventory.wait_for(lambda: pid_file.exists() and pid_file.read_text().strip(), "redis to write its pid file")
    return [inventory.Process(what="redis server", pid=int(pid)), listening,
            inventory.DaemonSocketFile(what="redis socket", path=path),
            inventory.DaemonFile(what="redis pid file", path=str(pid_file))]


def start_port_holder():
    """A Python program that ignores SIGTERM and SIGINT and holds a port; returns both."""
    child = subprocess.Popen([PYTHON, HOLDER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    _children.append(child)
    port = int(child.stdout.readline())
    child.stdout.close()
    return [inventory.Process(what="child that ignores SIGTERM", pid=child.pid),
            inventory.Port(what="port of that child", port=port)]


def reap_children():
    """Collects those of our own children that have ended."""
    for child in _children:
        child.poll()
