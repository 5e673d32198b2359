"""Prints the blocks of requirements.lock for the packages that a requirements file names, hashes and all.

python subset.py requirements.lock names.txt > subset.lock
"""

import re
import sys
from pathlib import Path

lock_file, names_file = (Path(name) for name in sys.argv[1:])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


wanted = {normal(line.split("==")[0]) for line in names_file.read_text().splitlines() if "==" in line}
blocks = re.findall(r"^[^\s#].*?(?=^[^\s#]|\Z)", lock_file.read_text(), re.MULTILINE | re.DOTALL)
kept = [block for block in blocks if normal(block.split("==")[0]) in wanted]
missing = wanted - {normal(block.split("==")[0]) for block in kept}
if missing:
    sys.exit(f"requirements.lock lacks {', '.join(sorted(missing))}; compile it again.")
sys.stdout.write("".join(kept))
