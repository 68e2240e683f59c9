"""Keeps one comparison: results/<processor>/<commit>.json, and the table of it beside that.

    record.py FOLDER --results RESULTS [--notes NOTE …]
    record.py --warnings

FOLDER holds ours.jsonl and theirs.jsonl. `--warnings` prints, before anything runs, a line for all
that spoils numbers: other work on the machine, and settings of the environment that choose kernels.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

KEYS = ("part", "network", "name", "shape", "products", "precision", "pass", "batch")


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def key(row):
    return " ".join(str(row[k]) for k in KEYS if k in row)


def rate(row):
    """Larger is better."""
    if "milliseconds" in row:
        return 1000 / row["milliseconds"]
    return row.get("imagesPerSecond", row.get("gflops"))


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    names = re.findall(r"model name\s*: (.*)", text)
    family = re.findall(r"cpu family\s*: (\d+)\nmodel\s*: (\d+)", text)
    name = names[0] if names else "unknown"
    suffix = f"-{family[0][0]}-{family[0][1]}" if family else ""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") + suffix


def warnings():
    found = []
    load = os.getloadavg()[0]
    if load > 0.5:
        found.append(f"the machine was busy before: load {load:.1f}")
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS"):
        if name in os.environ:
            found.append(f"{name}={os.environ[name]} is set")
    return found


def table(ours, theirs):
    rows = ["| what | ours | best other | ratio | peak MiB, ours and theirs |", "|---|--:|--:|--:|---|"]
    for row in ours:
        peers = [p for p in theirs if key(p) == key(row)]
        if not peers or rate(row) is None:
            continue
        peer = max(peers, key=rate)
        peaks = f"{row.get('peakMiB', '')} and {peer.get('peakMiB', '')}"
        rows.append(f"| {key(row)} | {rate(row):.2f} | {rate(peer):.2f} {peer['who']} "
                    f"| {rate(row) / rate(peer):.2f} | {peaks} |")
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--notes", nargs="*", default=[])
    options = parser.parse_args()
    ours, theirs = lines(options.folder / "ours.jsonl"), lines(options.folder / "theirs.jsonl")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                            cwd=options.results.parent).stdout.strip() or "unknown"
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], capture_output=True,
                             text=True, cwd=options.results.parent).stdout.strip()
    folder = options.results / processor()
    folder.mkdir(parents=True, exist_ok=True)
    name = commit + ("-changed" if changed else "")
    record = {"processor": processor(), "commit": name, "warnings": options.notes, "ours": ours,
              "theirs": theirs}
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    text = table(ours, theirs)
    head = f"Images (or matrix operations, or passes) a second, {processor()}, commit {name}.\n"
    notes = "".join(f"Beware: {note}.\n" for note in options.notes)
    (folder / f"{name}.md").write_text(head + notes + "\n" + text + "\n")
    print(text)
    print(f"kept as {folder / name}.json and .md", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1:] == ["--warnings"]:
        print("\n".join(warnings()))
    else:
        main()
