"""The command as a process of its own."""

import os
import subprocess
import sys
from importlib.metadata import version


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "mkdocs_comfy", *words],
        capture_output=True,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )


def test_it_tells_its_version():
    done = run("--version")

    assert done.returncode == 0
    assert version("mkdocs-comfy") in done.stdout


def test_a_console_that_knows_no_arrows_is_no_obstacle(folder):
    done = run("template", "show", "default", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")

    assert done.returncode == 0, done.stderr
    assert r"prompt \u2192 text" in done.stdout


def test_a_reader_that_goes_away_is_no_traceback(folder):
    command = f"{sys.executable} -m mkdocs_comfy template list | head -c 1"
    done = subprocess.run(  # noqa: S602  # a pipe is what is tested
        command, shell=True, capture_output=True, text=True, timeout=60, check=False
    )

    assert len(done.stdout) == 1
    assert "Traceback" not in done.stderr


def test_files_are_shown_without_mkdocs_and_everything_heavy(folder, write, graph):
    file = write("x.json", graph)
    code = (
        "import sys; from mkdocs_comfy.cli import main\n"
        f"try: main(['template', 'show', {str(file)!r}])\n"
        "finally: print([name for name in ('mkdocs', 'httpx', 'PIL', 'websockets', 'aiohttp')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.stdout.splitlines()[-1] == "[]", done.stderr
