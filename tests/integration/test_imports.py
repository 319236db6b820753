"""What `import wke` imports."""

import subprocess
import sys


def test_importing_wke_imports_nothing_else() -> None:
    """Neither ours nor asyncio nor anything that takes time."""
    code = "import sys, wke; print(sorted(m for m in sys.modules if m.startswith(('wke.', 'asyncio', 'numpy', 'rich'))))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_commands_that_ask_no_machine_do_without_asyncio() -> None:
    """It takes 50 ms, as long as the rest of such a command."""
    commands = ("check", "cluster", "logs", "plot", "results", "show", "status", "why")
    code = f"import sys; import {', '.join(f'wke.cli.{command}' for command in commands)}; print('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_importing_all_names_does_without_figures() -> None:
    """Scripts for wke 0.1 begin so: Matplotlib and NumPy would take a second before anything runs."""
    code = "import sys; from wke import *; from wke.benchmark import benchmark_main; print({'matplotlib', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
