# SPDX-License-Identifier: MIT
"""A small but real test suite, as the host of the benchmarks: what Python's own libraries do with sockets, threads,
subprocesses and temporary directories, and what a program computes between such calls. It leaves nothing behind.

    suite.py ROUNDS
"""
import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

ROUNDS = 1


class Suite(unittest.TestCase):
    def test_sockets(self):
        for _ in range(60 * ROUNDS):
            with socket.create_server(("127.0.0.1", 0)) as server:
                with socket.create_connection(server.getsockname()) as client, server.accept()[0] as peer:
                    client.sendall(b"x" * 4096)
                    got = 0
                    while got < 4096:
                        got += len(peer.recv(4096 - got))

    def test_threads(self):
        for _ in range(40 * ROUNDS):
            done = []
            threads = [threading.Thread(target=done.append, args=(number,)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(done), list(range(8)))

    def test_subprocesses(self):
        for number in range(8 * ROUNDS):
            done = subprocess.run(["/bin/sh", "-c", f"echo {number}; exec true"], stdout=subprocess.PIPE, check=True)
            self.assertEqual(int(done.stdout), number)

    def test_temporary_directories(self):
        for _ in range(40 * ROUNDS):
            with tempfile.TemporaryDirectory() as top:
                for number in range(10):
                    path = os.path.join(top, str(number))
                    with open(path, "w", encoding="ascii") as file:
                        json.dump({"number": number, "text": "x" * 500}, file)
                    with open(path, encoding="ascii") as file:
                        self.assertEqual(json.load(file)["number"], number)

    def test_computing(self):
        data = b"x" * 20_000
        for _ in range(400 * ROUNDS):
            data = hashlib.sha256(data).digest() * 600
        self.assertEqual(len(data), 19_200)


if __name__ == "__main__":
    ROUNDS = int(sys.argv.pop())
    unittest.main(verbosity=0)
