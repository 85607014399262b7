"""What a Binder needs, checked without Docker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def requirements() -> list[str]:
    return [line for line in lines(BINDER / "requirements.txt") if not line.startswith("-")]


def pins() -> dict[str, str]:
    pairs = (line.split("==") for line in lines(ROOT / "constraints.txt"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_requirements_are_the_core_and_the_extra_lab() -> None:
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"]
    assert requirements() == [text for text in wanted if Requirement(text).name != "torch"]


def test_torch_is_a_cpu_build_of_a_version_that_the_project_takes() -> None:
    wanted = next(text for text in PROJECT["dependencies"] if Requirement(text).name == "torch")
    environment = (BINDER / "environment.yml").read_text()
    assert f"- {wanted.replace('torch', 'pytorch-cpu')}\n" in environment
    assert "- -r requirements.txt\n" in environment


def test_every_requirement_of_the_project_is_pinned_to_a_version_that_satisfies_it() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(text for name, texts in extras.items() if name != "all" for text in texts)]
    for requirement in map(Requirement, wanted):
        version = pins().get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in constraints.txt; run make constraints"
        assert requirement.specifier.contains(version, prereleases=True), f"constraints.txt has {requirement.name} {version}"


def test_constraints_name_no_place() -> None:
    assert not [line for line in lines(ROOT / "constraints.txt") if "/" in line or "@" in line]


@pytest.mark.parametrize("page", ["README.md", "docs/course/README.md"])
def test_what_a_badge_opens_exists(page: str) -> None:
    opened = re.findall(r"mybinder\.org/v2/gh/polwidgets/polwidgets/main\?urlpath=([^\s)]+)", (ROOT / page).read_text())
    assert opened
    for path in opened:
        served = path.removesuffix("/") in PROJECT["entry-points"]["jupyter_serverproxy_servers"]
        assert served or (ROOT / path.removeprefix("lab/tree/")).is_file(), f"there is no {path}"


def test_the_course_has_a_badge_for_every_notebook_and_the_app() -> None:
    text = (ROOT / "docs" / "course" / "README.md").read_text()
    for notebook in (ROOT / "notebooks" / "course").glob("[0-9]*.ipynb"):
        assert f"urlpath=lab/tree/{notebook.relative_to(ROOT)}\n" in text
    assert "urlpath=polwidgets/\n" in text


def test_repo2docker_understands_the_folder(tmp_path: Path) -> None:
    pytest.importorskip("repo2docker", reason="the extra 'test' is not installed")
    # a copy without what git ignores, as a Binder clones it
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", tmp_path / "clone"], check=True)
    shutil.copytree(BINDER, tmp_path / "clone" / "binder", dirs_exist_ok=True)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, check=False, cwd=tmp_path / "clone", capture_output=True, text=True, timeout=300)
    dockerfile = done.stdout + done.stderr
    assert done.returncode == 0, dockerfile
    copied = dockerfile.index("COPY --chown=0:0 src/ ")
    installed = dockerfile.index('env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"')
    assert copied < installed, "requirements and pins must be there before the environment is made"
    assert "RUN ./binder/postBuild" in dockerfile


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.notebook
def test_notebooks_run_in_a_clean_environment(tmp_path: Path) -> None:
    """As a Binder makes it, but for torch, which comes from where pip finds it here."""
    venv.create(tmp_path / "clean")
    python = tmp_path / "clean" / "bin" / "python"
    # this environment's pip: the clean one needs none, and what runs once is not worth compiling
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    install = [*pip, "install", "--no-compile"]
    subprocess.run([*install, "-r", str(BINDER / "requirements.txt"), f"torch=={pins()['torch']}"], check=True, timeout=1200)
    subprocess.run([*install, "--no-deps", str(ROOT)], check=True, timeout=300)
    subprocess.run([*pip, "check"], check=True, timeout=120)
    notebooks = [str(ROOT / "notebooks" / "course" / name) for name in ("1_a_pattern.ipynb", "7_strain.ipynb")]
    command = [str(python), "-m", "nbconvert", "--to", "notebook", "--execute", "--output-dir", str(tmp_path), *notebooks]
    private = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **private, "IPYTHONDIR": str(tmp_path / "ipython")}
    environment.pop("PYTHONPATH", None)
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=600)
    for notebook in notebooks:
        assert "No answer yet" in (tmp_path / Path(notebook).name).read_text()
