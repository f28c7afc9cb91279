"""The engine's process: loads a GGUF with llama.cpp and serves it until told to end.

Run as a script by :class:`EngineProcess`, not as a module, so that it imports nothing but
xllamacpp: its memory is then the model's and llama.cpp's, and a profile's limits bind the engine
alone. It reads its settings as one JSON line from standard input, answers with one JSON line (the
address and the load time, or an error), and exits when standard input closes. While llama.cpp
loads, nothing here can notice that: Linux ends it with its parent.

Told a command, it goes on as that program instead: a llama-server of the user's own.

    _serve.py PARENT [BYTES]    the parent's process id; RLIMIT_DATA, the most private memory
"""

import json
import os
import signal
import sys
import time
from typing import Any

# RLIMIT_DATA counts the stack that each thread reserves; the usual 8 MiB would be most of it.
_STACK_BYTES = 1 << 20
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    end_with(int(sys.argv[1]))
    if len(sys.argv) > 2:
        limit_memory(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    settings = json.loads(sys.stdin.readline())
    if "command" in settings:
        become(settings["command"])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever llama.cpp prints
    import xllamacpp

    started = time.perf_counter()
    try:
        server = xllamacpp.Server(parameters(xllamacpp, settings))
    except Exception as error:
        print(json.dumps({"error": str(error) or type(error).__name__}), file=answers)
        os._exit(1)
    load_s = time.perf_counter() - started
    info = xllamacpp.get_system_info()
    ready = {"url": server.listening_address, "load_s": load_s, "system_info": info}
    ready["compiler"] = compiler_of(xllamacpp)
    print(json.dumps(ready), file=answers)
    sys.stdin.read()
    os._exit(0)  # do not wait for requests that nobody reads any more


def compiler_of(package: Any) -> str | None:
    """The compiler and the system it made code for, as the package tells; null: it does not."""
    told = getattr(package, "BUILD_INFO", None)
    known = told if isinstance(told, dict) else {}
    compiler, target = known.get("compiler"), known.get("build_target")
    if not compiler or compiler == "unknown":
        return None
    return f"{compiler} for {target}" if target and target != "unknown" else str(compiler)


def end_with(parent: int) -> None:
    """Be killed when the parent ends, or the thread of it that started this process."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before
            os._exit(1)


def end_with_input() -> None:
    """Where a program cannot ask to end with its parent, a process beside it sees that the input
    closes."""
    watched = os.getpid()
    if os.fork() == 0:
        sys.stdin.read()
        if os.getppid() == watched:  # else it is gone, and its number may be another's
            os.kill(watched, signal.SIGKILL)
        os._exit(0)


def become(command: list[str]) -> None:
    """Go on as another program in this very process, under its limits. A terminal's signals do not
    reach it: the parent decides when to stop."""
    if not sys.platform.startswith("linux"):
        end_with_input()
    os.setpgid(0, 0)
    os.dup2(2, 1)
    os.execv(command[0], command)


def limit_memory(data_bytes: int) -> None:
    """Bind this process. The size of threads' stacks is settled when a program starts."""
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft != _STACK_BYTES:
        resource.setrlimit(resource.RLIMIT_STACK, (_STACK_BYTES, hard))
        os.execv(sys.executable, [sys.executable, *sys.argv])


def parameters(xllamacpp: Any, settings: dict[str, Any]) -> Any:
    """llama.cpp's parameters. The names on the left are llama.cpp's own."""
    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.n_ctx = settings["slots"] * settings["context"]
    params.n_parallel = settings["slots"]
    params.n_gpu_layers = settings["gpu_layers"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_threads_http = settings["slots"] + 2
    # Read the weights, do not map them: mapped pages can be dropped and read again, so that a limit
    # would slow the model down without an end instead of binding it.
    params.load_mode = xllamacpp.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.fit_params = False  # never change the context behind the user's back
    params.cache_ram_mib = 0  # no second copy of prompts in memory
    params.cache_idle_slots = False
    # A sliding window forgets what a slot must go back to: keep all of the context, or checkpoints.
    params.swa_full = settings["keep_window"]
    params.n_ctx_checkpoints = 0 if settings["keep_window"] else settings["checkpoints"]
    params.slot_save_path = settings["scratch"]
    params.api_keys = [settings["key"]] if settings["key"] else []
    params.hostnames, params.port = [settings["host"]], settings["port"]
    if settings["chat_template"]:
        params.chat_template = settings["chat_template"]
    params.antiprompt = settings["stop"]
    params.verbosity = 1
    return params


if __name__ == "__main__":
    main()
