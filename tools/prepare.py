"""Make .venv hold what a command of the Makefile needs; the second time this needs no network and no time.

It runs on whatever `python3` is there, so it is written to be read by Pythons that are too old for the project.
"""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
NEEDED = (3, 11)
# What each set installs, in this order; the project itself comes after, without build isolation.
SETS = {
    "run": ("base", "build", "server"),
    "test": ("base", "build", "server", "postgres", "peers", "test"),
    "pins": ("pins",),
}
INSTALL = "apt-get install -y python3 python3-venv   (or your system's package of Python 3.11 or newer)"


def stop(*lines):
    """End with what is wrong and the one command that helps."""
    sys.exit("\n".join(lines))


def check_python():
    """Refuse a Python that is too old, or one without venv, by name and with what gets it."""
    if sys.version_info < NEEDED:
        here = ".".join(str(number) for number in sys.version_info[:3])
        stop(
            "undersign needs Python 3.11 or newer; python3 here is " + here + ".",
            "Get it:  " + INSTALL,
            "If it has another name, say so:  make run PYTHON=python3.12",
        )
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        stop("This python3 cannot make virtual environments.", "Get what is missing:  apt-get install -y python3-venv")


def python_of(folder):
    """Give the path of a virtual environment's own python."""
    return os.path.join(folder, "Scripts", "python.exe") if os.name == "nt" else os.path.join(folder, "bin", "python")


def stamp_of(names):
    """Give a value that changes when the pins, the project file, the place or the Python change."""
    digest = hashlib.sha256(json.dumps([sys.version, ROOT]).encode())
    for path in [*(os.path.join("requirements", name + ".txt") for name in names), "pyproject.toml"]:
        with open(os.path.join(ROOT, path), "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def is_current(folder, name, stamp):
    """Tell whether the environment was completed with exactly these pins."""
    try:
        with open(os.path.join(folder, "undersign-" + name + ".stamp")) as file:
            return file.read() == stamp and os.path.exists(python_of(folder))
    except OSError:
        return False


def run(*arguments):
    """Run one step; where it fails, say what it was and what usually helps."""
    environment = dict(os.environ, PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    environment.pop("PYTHONPATH", None)
    if subprocess.call(arguments, env=environment, stdin=subprocess.DEVNULL, cwd=ROOT) != 0:
        shown = [os.path.relpath(part, ROOT) if os.path.isabs(part) else part for part in arguments]
        stop(
            "",
            "This step failed:  " + " ".join(shown),
            "The first time needs a Python package index that pip can reach; later times need no network.",
            "Start afresh with:  make clean",
        )


def make_environment(folder):
    """Make the virtual environment anew unless one of this very Python is there and whole."""
    mark = os.path.join(folder, "undersign-python")
    wanted = json.dumps([sys.version, folder])
    try:
        with open(mark) as file:
            if file.read() == wanted and os.path.exists(python_of(folder)):
                return
    except OSError:
        pass
    if os.path.exists(folder):
        shutil.rmtree(folder)
    run(sys.executable, "-m", "venv", folder)
    with open(mark, "w") as file:
        file.write(wanted)


def install(name, folder):
    """Install one set, every file checked against its hash, then the project from this folder."""
    stamp = stamp_of(SETS[name])
    if is_current(folder, name, stamp):
        return
    print(
        "Preparing " + os.path.relpath(folder, ROOT) + " for `make " + name + "`; this is needed once ...", flush=True
    )
    make_environment(folder)
    pip = [python_of(folder), "-m", "pip", "install", "--quiet"]
    files = []
    for part in SETS[name]:
        files += ["-r", os.path.join("requirements", part + ".txt")]
    run(*pip, "--require-hashes", "--only-binary=:all:", *files)
    if name != "pins":
        run(*pip, "--no-index", "--no-deps", "--no-build-isolation", "--editable", ".")
    with open(os.path.join(folder, "undersign-" + name + ".stamp"), "w") as file:
        file.write(stamp)


def clean():
    """Remove everything that the commands made, and nothing else."""
    made = [".venv", ".venv-pins", "build", "dist", "var", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"]
    peers = [
        os.path.join(*folder, "node", "node_modules") for folder in (("tests", "peers"), ("benchmarks", "servers"))
    ]
    for name in [*made, ".import_linter_cache", *peers]:
        shutil.rmtree(os.path.join(ROOT, name), ignore_errors=True)
    for top in ("src", "tests", "tools", "examples", "benchmarks", "docs"):
        for folder, names, _ in os.walk(os.path.join(ROOT, top)):
            if "__pycache__" in names:
                shutil.rmtree(os.path.join(folder, "__pycache__"), ignore_errors=True)


def main():
    """Prepare the set named on the command line, or clean."""
    name = sys.argv[1]
    if name == "clean":
        clean()
        return
    check_python()
    install(name, VENV + "-pins" if name == "pins" else VENV)


if __name__ == "__main__":
    main()
