"""Numbers of the standard binary interface of MPI 5, by the header that MPICH is built with.

Made with: mpich 5.0.2 of PyPI. Run from this folder; writes ../Fixtures/Processes/mpi_abi.json.
"""
import json
import pathlib
import re
import sys

NAMES = ["MPI_COMM_WORLD", "MPI_BYTE", "MPI_ERRORS_RETURN", "MPI_INFO_NULL", "MPI_STATUS_IGNORE",
         "MPI_THREAD_SERIALIZED", "MPI_COMM_TYPE_SHARED"]


def main():
    header = (pathlib.Path(sys.prefix) / "include" / "mpi_abi.h").read_text()
    values = {}
    for name in NAMES:
        # A macro with a cast, or a constant of an enumeration.
        found = re.search(rf"^#define {name}\s+\(\(\w+\*?\)\s*(\w+)\)|^\s+{name}\s*=\s*(\w+)", header,
                          re.MULTILINE)
        values[name] = int(found[1] or found[2], 0)
    with open("../Fixtures/Processes/mpi_abi.json", "w") as file:
        json.dump(values, file, indent=1)
        file.write("\n")


main()
