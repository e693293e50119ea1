"""Print the oldest version of every direct dependency that pyproject.toml allows, for pip's -c."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("tests",)
FLOOR = re.compile(r"(?P<name>[\w.-]+)(\[[\w,]+\])?>=(?P<version>[\d.]+)")


def main() -> None:
    """One line per dependency, name==version; torch is as in constraints.txt already."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(line for name in EXTRAS for line in extras[name])]
    floors = [found for line in wanted if (found := FLOOR.match(line))]
    if len(floors) != len(wanted):
        sys.exit("A dependency in pyproject.toml states no oldest version; give every one a >=.")
    lines = [f"{floor['name']}=={floor['version']}" for floor in floors if floor["name"] != "torch"]
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    torch = next(line for line in pinned if line.startswith("torch=="))
    sys.stdout.write("\n".join([*lines, torch, ""]))


if __name__ == "__main__":
    main()
