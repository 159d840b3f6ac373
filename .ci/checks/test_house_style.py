from __future__ import annotations

import sys


def test_the_linter_has_nothing_to_say(run, root):
    run(sys.executable, "-m", "ruff", "check", root)


def test_every_file_is_formatted(run, root):
    run(sys.executable, "-m", "ruff", "format", "--check", root)
