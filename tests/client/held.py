"""A job that claims its Action, says so in a file, and then waits for the end."""

import signal
import sys
import threading
from pathlib import Path

from amends.client import Recorder

signal.signal(signal.SIGTERM, signal.default_int_handler)
kubeconfig, file = sys.argv[1:]
recorder = Recorder(kubeconfig=kubeconfig)
with recorder.recording("board.post", idempotency_key="run-7/post", name="post"):
    Path(file).touch()
    threading.Event().wait()
