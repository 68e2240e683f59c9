"""Hashes the files of a smoke run: golden.txt holds what must not change, may-change.txt the rest.

Run folders are named by their slug, without the hash at the end. Checkpoints are hashed without
their metadata: safetensors by names, shapes and bytes of the tensors, .pth files by the bytes alone.
"""

import hashlib
import json
import os
import re
import struct
import sys
import zipfile

MAY_CHANGE = re.compile(
    r"(protocol|manifest|timing|result)\.json$|\.err$|\.lock$|^cache/|^report/|^report"
)


def tensors(data):
    """Bytes that say what a safetensors file holds."""
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    parts = []
    for name in sorted(header):
        entry = header[name]
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        parts.append(json.dumps([name, entry["dtype"], entry["shape"]]).encode() + data[start:end])
    return b"".join(parts)


def storages(path):
    """The bytes of a .pth file's tensors in the file's order, without the pickle that names them."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/data/" in name]
        return b"".join(archive.read(name) for name in names)


def hash_of(path):
    if path.endswith(".pth"):
        return hashlib.sha256(storages(path)).hexdigest()
    with open(path, "rb") as file:
        data = file.read()
    return hashlib.sha256(tensors(data) if path.endswith(".safetensors") else data).hexdigest()


def main(root):
    lists = {"golden.txt": [], "may-change.txt": []}
    for folder, _, files in os.walk(root):
        for file in files:
            path = os.path.join(folder, file)
            name = os.path.relpath(path, root)
            if name in lists:
                continue
            plain = re.sub(r"-[0-9a-f]{8,64}(?=/|\.|$)", "", name)
            program = plain.split("/")[0].split(".")[0]
            kind = "may-change.txt" if MAY_CHANGE.search(plain) else "golden.txt"
            lists[kind].append(f"{hash_of(path)} {program} {plain}")
    for name, lines in lists.items():
        with open(os.path.join(root, name), "w") as file:
            file.write("".join(line + "\n" for line in sorted(lines, key=lambda l: l.split(" ", 1)[1])))


main(sys.argv[1])
