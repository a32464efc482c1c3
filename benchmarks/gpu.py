"""How many calls at once does the GPU of this machine hear in time?

Runs by itself and without a network: says what is there; recognises the bundled calls on the GPU and on the processor,
and how far the texts are apart; then for each model, compute type and batch, windows a second; then, with what was
fastest of each model, the most calls at once at which the 95th percentile from a term's end to its block stays under
the bound, as `benchmarks.capacity` finds it: `huazha serve` in a process of its own, calls in real time. What was
measured is in the JSON file after each step; when the minutes are over, what is left is left out, and said.

    python -m benchmarks.gpu [CALLS] [--model base DIR ...] [--compute-type float16 int8_float16] [--batch 4 16 32]
        [--minutes 9] [--torch-python PYTHON] [--json gpu.json]
    python -m benchmarks.gpu --check

CALLS are labelled calls as for `benchmarks.capacity`; without, the two bundled ones are used. A model is `base`, whose
weights are installed, or a directory with others in CTranslate2 form: no hub is asked.

CTranslate2 opens cuBLAS 12 by name. Where nothing tells the loader where that is, it is looked for among the packages
of this Python and of `--torch-python`, such as PyTorch's. Where they have cuBLAS of another major version, that is
given to it under the name of 12, which nobody vouches for: the texts tell whether it computes the same.

Where Huazha's packages are not installed either, bring them in a folder. On a machine with a network (here for Python
3.12 on the other):

    pip download --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64
        --platform manylinux_2_17_x86_64 --dest wheels ".[models]"

and on that with the GPU, in the repository:

    pip install --no-index --no-deps --target site wheels/*.whl
    PYTHONPATH=site python -m benchmarks.gpu --check
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streamer.recognition import cuda

ROOT = Path(__file__).parent.parent
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
ASK = "import json, sys; print(json.dumps(sys.path))"


def lacking(pyproject: Path, models: list[str]) -> list[str]:
    """Name the packages that are not installed, of those that the project says it needs to measure these models."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + (project["optional-dependencies"]["models"] if "base" in models else [])
    return [requirement for requirement in wanted if not _installed(requirement)]


def sites(python: str | None) -> list[str]:
    """Give the folders of packages of this Python, and of another.

    Raises:
      SystemExit: the other can't be asked.
    """
    if python is None:
        return sys.path
    try:
        answer = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemExit(f"--torch-python {python} can't be asked for its packages: {error}") from None
    # An empty entry is the folder that it was started in.
    return [*sys.path, *(site for site in json.loads(answer) if site)]


def provide(places: list[str], folder: Path) -> tuple[dict[str, str], str]:
    """Find cuBLAS for the processes that will compute.

    Args:
      places: folders of packages.
      folder: where a link may be put that gives another version the name of the wanted one.

    Returns:
      what their environment needs, and where cuBLAS is, for people.
    """
    # Earlier versions of CTranslate2 open cuDNN 9 by name as well.
    beside = [place for place in cuda.folders(places) if (place / "libcudnn.so.9").exists()]
    if found := cuda.libraries(places):
        return _with(found[0].parent, *beside), str(found[0])
    if others := cuda.libraries(places, "*"):
        newest = max(others, key=lambda file: int(file.suffix[1:]))
        link = folder / cuda.LIBRARY
        link.unlink(missing_ok=True)
        link.symlink_to(newest)
        told = f"{newest}, under the name of {cuda.LIBRARY}, which nobody vouches for"
        return _with(folder, newest.parent, *beside), told
    return {}, f"whatever the loader finds as {cuda.LIBRARY}"


def _with(*folders: Path) -> dict[str, str]:
    known = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": os.pathsep.join([*map(str, folders), *([known] if known else [])])}


def _installed(requirement: str) -> bool:
    name = re.match(NAME, requirement)
    assert name is not None
    try:
        version(name[0])
    except PackageNotFoundError:
        return False
    return True


def check(missing: list[str], places: list[str], folder: Path) -> int:
    """Say what is there and what is not; nothing is measured."""
    for requirement in missing:
        print(f"not installed: {requirement}")
    print(f"cuBLAS: {provide(places, folder)[1]}")
    card = cuda.card(0)
    print(f"GPU: {f'{card.name}, {card.memory} GB, driver {card.driver}' if card else 'the driver names none'}")
    print("Nothing is missing." if not missing else f"{len(missing)} packages are missing.")
    return 1 if missing else 0


def arguments() -> argparse.ArgumentParser:
    """Describe the command line."""
    description, _, more = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=description,
        epilog=more,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("calls", type=Path, nargs="?", help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--check", action="store_true", help="say what is missing here, and measure nothing")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu is for a trial (default: cuda)")
    parser.add_argument("--device-index", type=int, default=0, help="of the GPU (default: 0)")
    parser.add_argument("--model", nargs="+", default=["base"], help="base, or directories (default: base)")
    parser.add_argument("--compute-type", nargs="+", help="each (default: float16 and int8_float16, or what there is)")
    parser.add_argument("--batch", type=int, nargs="+", help="windows together (default: 4 16 32; on a processor 1 4)")
    parser.add_argument("--workers", type=int, help="batches at once (default: what suits the device)")
    parser.add_argument("--seconds", type=float, default=4.0, help="that each rate is measured (default: 4)")
    parser.add_argument("--bound", type=float, default=1.5, help="seconds for 95 of 100 blocks (default: 1.5)")
    parser.add_argument("--first", type=int, help="calls at once to begin with (default: 16; on a processor 2)")
    parser.add_argument("--most", type=int, default=256, help="calls at once to try at most; 0 for none (default: 256)")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all of it (default: 9)")
    parser.add_argument("--torch-python", metavar="PYTHON", help="another Python, whose packages have CUDA's libraries")
    parser.add_argument("--json", type=Path, default=Path("gpu.json"), help="the figures (default: gpu.json)")
    return parser


def main() -> None:
    options = arguments().parse_args()
    until = time.monotonic() + 60 * options.minutes
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Into a file or a pipe too, each line as it comes: the run may be cut.
        sys.stdout.reconfigure(line_buffering=True)
    places = sites(options.torch_python)
    with tempfile.TemporaryDirectory(prefix="huazha-gpu") as made:
        folder = Path(made)
        missing = lacking(ROOT / "pyproject.toml", options.model)
        if options.check:
            raise SystemExit(check(missing, places, folder))
        if missing:
            raise SystemExit(f"not installed: {', '.join(missing)}; --help says how to bring them")
        environment, cublas = provide(places, folder)
        # For the processes that are started from here: this one computes nothing.
        os.environ.update(environment, HF_HUB_OFFLINE="1", COLUMNS="1000")
        # It needs the packages that were just looked for.
        from benchmarks.gpu_steps import Steps  # noqa: PLC0415

        raise SystemExit(Steps(options, folder, until, cublas).run())


if __name__ == "__main__":
    main()
