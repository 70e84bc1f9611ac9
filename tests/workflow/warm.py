"""`sim2sky` without the seconds that importing its libraries takes, for tests of the workflow.

A server imports them once and forks for each call; what takes the command's name is a client
that hands its arguments, folder, environment and streams over. Most of a test run's jobs are
so small that they would spend their time on imports.
"""

import atexit
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [b"%8d" % len(call)], [0, 1, 2])
    server.sendall(call)
    code = server.recv(4)
    server.recv(1)  # the process has ended
    sys.exit(int(code or b"1"))  # nothing: it died
"""


@contextmanager
def warm_command(folder: Path, environment: dict[str, str]) -> Iterator[Path]:
    """Start the server; yields a folder with the command `sim2sky`, for the front of PATH."""
    address = folder / "socket"
    command = folder / "bin/sim2sky"
    command.parent.mkdir(parents=True)
    command.write_text(f"#!{sys.executable} -IS\n{CLIENT.format(address=str(address))}")
    command.chmod(0o755)
    words = [sys.executable, __file__, address]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"ready\n"
        try:
            yield command.parent
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Answer calls until the process ends."""
    import sim2sky

    for module in pkgutil.walk_packages(sim2sky.__path__, "sim2sky."):
        importlib.import_module(module.name)
    importlib.import_module("torch._dynamo")  # torch's optimisers import it when they are made
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                answer(caller)
            caller.close()


def answer(caller: socket.socket) -> None:
    """Run one command as its caller would have, and end this process."""
    from sim2sky.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    call = b""
    while len(call) < int(size):
        call += caller.recv(1 << 16)
    words, folder, environment = json.loads(call)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["sim2sky", *words]
    # a caller that is killed takes its work with it
    threading.Thread(target=lambda: caller.recv(1) or os._exit(143), daemon=True).start()
    code: int | str | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    caller.sendall(b"%d" % (code if isinstance(code, int) else int(code is not None)))
    # what Python does at its end, pools of processes too, but for taking all the modules apart
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
