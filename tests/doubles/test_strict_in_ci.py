"""The plugin `strict`, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SKIPS = {
    "in_a_test": "import pytest\ndef test_a(): pytest.skip('no model in a test')",
    "by_a_mark": "import pytest\n@pytest.mark.skipif(True, reason='no model by a mark')\ndef test_a(): pass",
    "of_a_module": "import pytest\nmodel = pytest.importorskip('no_model_of_a_module')\ndef test_a(): pass",
}
ALLOWED = {
    "benchmark": "import pytest\ndef test_a(): pytest.skip('the routing benchmark is not here')",
    "xfail": "import pytest\n@pytest.mark.xfail(reason='not yet')\ndef test_a(): raise ValueError",
}


def run(folder: Path, tests: dict[str, str], ci: str) -> tuple[int, str]:
    for name, test in tests.items():
        (folder / f"test_{name}.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "tests.doubles.strict", "-c", os.devnull, "--rootdir", "."]
    ended = subprocess.run(
        [*command, "."],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout


def test_every_kind_of_skip_fails_in_ci_and_tells_what_is_missing(tmp_path) -> None:
    code, told = run(tmp_path, SKIPS, ci="true")
    assert code != 0
    assert "no_model_of_a_module" in told  # a module that cannot be collected stops the run
    code, told = run(tmp_path, {"of_a_module": "def test_a(): pass"}, ci="true")
    assert "1 failed, 1 passed, 1 error" in told
    assert all(reason in told for reason in ("no model in a test", "no model by a mark"))


def test_a_skip_is_a_skip_elsewhere(tmp_path) -> None:
    code, told = run(tmp_path, SKIPS, ci="")
    assert (code in (0, 5), "3 skipped" in told) == (True, True)


def test_the_benchmark_may_be_missing_in_ci_and_an_expected_failure_is_no_skip(tmp_path) -> None:
    code, told = run(tmp_path, ALLOWED, ci="true")
    assert code == 0
    assert "1 skipped, 1 xfailed" in told
