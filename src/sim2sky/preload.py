"""Commands without the seconds that importing libraries takes: one process has, and forks.

A workflow on one machine starts hundreds of `sim2sky` processes, most of which would spend
more time on importing torch, pandas and matplotlib than on their work. `start` makes a
process that imports them once; `ask` hands a command over to it, with its folder,
environment and streams, and a fork of that process does the work. Where there is no such
process, or none any more, a command runs as it always does: nothing depends on it.

Linux only: elsewhere the libraries do not all survive a fork.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ADDRESS = "SIM2SKY_PRELOADED"
"""Environment variable: Python's prefix and the socket, set by `start`; ``no`` forbids it."""

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that reach the work, so that a training saves its state as it would by itself."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read by libraries when they are imported, so that a command with more runs by itself."""

LATE = ("torch._dynamo",)  # imported by torch's optimisers when one is made


def start() -> None:
    """Start the process, and name it to the commands that this one will start.

    It ends with this process. Does nothing where it would not work or is not wanted.
    """
    if sys.platform != "linux" or ADDRESS in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="sim2sky-")
    path = Path(folder.name) / "socket"
    words = [sys.executable, "-c", "from sim2sky.preload import serve; serve()", path]
    # its input ends however this process does; of a group of its own, it sees no Ctrl-C
    process = subprocess.Popen(
        words,
        env=os.environ | dict.fromkeys(THREADS, "1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    atexit.register(folder.cleanup)
    atexit.register(process.terminate)
    os.environ[ADDRESS] = f"{sys.prefix}:{path}"


def ask(words: list[str]) -> int | None:
    """Have a command done by the process that has imported everything.

    Parameters
    ----------
    words : list of str
        The command line, without the program's name.

    Returns
    -------
    int or None
        Exit status; None if there is no such process, or if the command is of another
        environment or may use several threads.
    """
    prefix, _, path = os.environ.get(ADDRESS, "").rpartition(":")
    if prefix != sys.prefix or os.environ.get(THREADS[0]) != "1":
        return None
    with socket.socket(socket.AF_UNIX) as server:

        def pass_on(number: int, _: object) -> None:
            server.sendall(bytes([number]))

        before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
        try:
            server.connect(path)
        except OSError:  # not ready yet, or gone, or on another host
            for number, handler in before.items():
                signal.signal(number, handler)
            return None
        call = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
        socket.send_fds(server, [b"%8d" % len(call)], [0, 1, 2])
        server.sendall(call)
        status = server.recv(1)
        server.recv(1)  # nothing comes: the work's process has ended
    if not status:
        sys.stderr.write("sim2sky: error: the process of this command was killed\n")
        return 1
    return status[0]


def serve() -> None:
    """Import everything, then fork for each call until the standard input ends."""
    import gc
    import importlib
    import pkgutil

    import sim2sky

    for module in pkgutil.walk_packages(sim2sky.__path__, "sim2sky."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared with the forks is not written to by their collectors
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(128)
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    """Do what a caller asks for as it would, and end this process."""
    import time

    from sim2sky.cli import main
    from sim2sky.provenance import RUN

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(caller, 8, 3)
    call = b""
    while len(call) < int(size):
        call += caller.recv(int(size) - len(call))
    words, folder, environment = json.loads(call)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # looked up anew: the caller may have its own
    sys.argv = ["sim2sky", *words]
    RUN.started = time.time()
    threading.Thread(target=_listen, args=[caller], daemon=True).start()
    status: int | str | None = 0
    try:
        main()
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # what Python does at its end, pools of processes too, but for taking all modules apart
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    number = status if isinstance(status, int) else int(status is not None)
    caller.sendall(bytes([number & 0xFF]))
    os._exit(0)


def _listen(caller: socket.socket) -> None:
    """Pass signals on to this process; a caller that is killed takes its work with it."""
    while number := caller.recv(1):
        os.kill(os.getpid(), number[0])
    os._exit(1)
