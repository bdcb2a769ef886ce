# SPDX-License-Identifier: MIT
"""Ignores polite signals and holds a TCP port, as a hung server does. Prints the port, then is silent. Ends by itself
after ten minutes, so that not even a broken demo leaves it for ever."""

import os
import signal
import socket
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever started us may wait for the end of its pipe
time.sleep(600)
