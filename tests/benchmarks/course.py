"""Every notebook of the course in a fresh kernel: seconds, processor seconds and peak memory, and what it says on stderr.

    python tests/benchmarks/course.py [NAME ...]

A NAME is the beginning of a notebook's, such as ``5``; without one all are run. Seconds are those of the clock from the
start of the kernel to its last cell; processor seconds and memory are the kernel's own, which a cell added at the end reads.
Progress bars are no warnings.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from table import Table

COURSE = Path(__file__).parents[2] / "notebooks" / "course"
USAGE = """
import resource, sys
_used = resource.getrusage(resource.RUSAGE_SELF)
print(_used.ru_utime + _used.ru_stime, _used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[""])
    names = tuple(parser.parse_args().names)
    table = Table("notebook                   ", "seconds", "processor seconds", "peak memory, GB", "warnings")
    for path in sorted(path for path in COURSE.glob("[0-9]*.ipynb") if path.name.startswith(names)):
        seconds, processor, memory, said = run(path)
        table.row(path.stem, f"{seconds:.0f}", f"{processor:.0f}", f"{memory / 1e9:.2f}", " ".join(said) or "none")


def run(path: Path) -> tuple[float, float, float, list[str]]:
    """Seconds, processor seconds, peak bytes and warnings of one notebook."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(USAGE))
    start = time.perf_counter()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    seconds = time.perf_counter() - start
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    processor, memory = map(float, outputs.pop().text.split())
    said = [output.text.strip() for output in outputs if output.get("name") == "stderr"]
    return seconds, processor, memory, [text for text in said if "%|" not in text]


if __name__ == "__main__":
    main()
