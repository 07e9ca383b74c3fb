import re
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest
from click.testing import CliRunner

from mkdocs_comfy.testing.__main__ import main


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_in_the_foreground_until_it_is_told_to_stop(number):
    command = [sys.executable, "-u", "-W", "error", "-m", "mkdocs_comfy.testing", "--port", "0"]
    with subprocess.Popen(  # our own interpreter
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = process.stdout.readline() + process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+", said).group()
        reply = httpx.get(f"{url}/api/system_stats", trust_env=False)
        process.send_signal(number)
        rest = process.stdout.read()

    assert reply.status_code == 200
    assert "stand-ins" in said
    assert (process.returncode, rest) == (0, "")


def test_a_port_that_is_taken_is_said_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = CliRunner().invoke(main, ["--port", str(port)])

    assert done.exit_code == 1
    assert f"cannot listen on port {port}" in done.output


@pytest.mark.parametrize("arguments", [["--port", "70000"], ["--latency", "-1"]])
def test_options_have_bounds(arguments):
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_it_stops_cleanly_in_this_process_too():
    """As above, where coverage can see it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    main_thread = threading.main_thread().ident
    later = threading.Timer(0.2, signal.pthread_kill, [main_thread, signal.SIGTERM])
    later.start()
    try:
        done = CliRunner().invoke(main, ["--port", "0", "--flat"])
    finally:
        later.join()
        for number, handler in before.items():
            signal.signal(number, handler)

    assert done.exit_code == 0
    assert "fake ComfyUI listens at http://127.0.0.1:" in done.output
