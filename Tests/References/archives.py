"""Small tar archives in every form that is met, for TarArchiveTests.

usage: archives.py <folder>      (GNU tar 1.34, Python 3.11's tarfile)
"""
import io
import os
import subprocess
import sys
import tarfile
import tempfile

target = os.path.abspath(sys.argv[1])
long = "folder-" + "x" * 90 + "/" + "y" * 80 + ".jpg"
names = {"a/1.jpg": b"one", "a/zwei ü.jpg": b"zwei", long: b"long " * 300}

with tempfile.TemporaryDirectory() as work:
    for name, content in names.items():
        os.makedirs(os.path.dirname(f"{work}/{name}"), exist_ok=True)
        with open(f"{work}/{name}", "wb") as file:
            file.write(content)
    for form in ("ustar", "gnu", "posix"):
        subprocess.run(
            ["tar", f"--format={form}", "--blocking-factor=1", "--sort=name", "--mtime=@0",
             "--owner=0:0", "--group=0:0", "-cf", f"{target}/{form}.tar", "."],
            cwd=work, check=True)
for form, name in ((tarfile.PAX_FORMAT, "python-pax"), (tarfile.GNU_FORMAT, "python-gnu")):
    with tarfile.open(f"{target}/{name}.tar", "w", format=form, bufsize=512) as archive:
        for name, content in names.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
