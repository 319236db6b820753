"""What `import wke` imports."""

import subprocess
import sys


def test_importing_wke_imports_nothing_else() -> None:
    """Neither ours nor asyncio nor anything that takes time."""
    code = "import sys, wke; print(sorted(m for m in sys.modules if m.startswith(('wke.', 'asyncio', 'numpy', 'rich'))))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
