"""Runs ``python WORDS`` as a process of the stock at WALK_STOCK (``tests/stock.py``): its output,
its exit status, and signals to it. Imports next to nothing: a page of the docs starts dozens."""

import json
import os
import signal
import socket
import sys

words = [sys.executable, *sys.argv[1:]]
asked = {
    "words": words, "folder": os.getcwd(), "environment": dict(os.environ), "places": [0, 1, 2],
    "session": False, "ignored": [], "cores": sorted(os.sched_getaffinity(0)),
}  # fmt: skip
end = socket.socket(socket.AF_UNIX)
end.connect(os.environ["WALK_STOCK"])
line = json.dumps(asked).encode()
socket.send_fds(end, [len(line).to_bytes(8, "big")], [0, 1, 2])
end.sendall(line)
answers = end.makefile()
said = answers.readline().strip()
if said == "cold":
    os.execv(sys.executable, words)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _: os.kill(int(said), number))
code = int(answers.readline())
sys.exit(code if code >= 0 else 128 - code)
