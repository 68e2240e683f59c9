"""Prints ours beside theirs from the JSON lines of one comparison."""
import json
import pathlib
import sys


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


folder = pathlib.Path(sys.argv[1])
ours = lines(folder / "ours.jsonl")
peers = lines(folder / "theirs.jsonl")
theirs = {(row["part"], row.get("batch"), row.get("name"), row.get("pass")): row
          for row in peers if row["part"] != "data"}


def peer_of(row):
    return theirs.get((row["part"], row.get("batch"), row.get("name"), row.get("pass")))



print(f"{'':22} {'ours':>9} {'PyTorch':>9} {'ratio':>6}   peak memory MiB")
for row in ours:
    peer = peer_of(row)
    if peer and row["part"] != "dense":
        name = f"{row['part']} batch {row['batch']}"
        ratio = row["imagesPerSecond"] / peer["imagesPerSecond"]
        print(f"{name:22} {row['imagesPerSecond']:9.2f} {peer['imagesPerSecond']:9.2f} {ratio:6.2f}"
              f"   {row['peakMiB']} / {peer['peakMiB']}")
print()
manual = {}
for path in folder.glob("sgemm-*.jsonl"):
    for row in lines(path):
        manual.setdefault(row["shape"], []).append((row["gflops"], path.stem.removeprefix("sgemm-")))
print(f"{'sgemm':16} {'chosen GFLOP/s':>15} {'best manual':>12}         ratio")
for row in ours:
    if row["part"] == "sgemm":
        top, core = max(manual[row["shape"]])
        print(f"{row['shape']:16} {row['gflops']:15.0f} {top:12.0f} {core:8} {row['gflops'] / top:5.2f}")
print()
print(f"{'dense operations':26} {'forward ms: ours':>16} {'PyTorch':>9} {'ratio':>6} "
      f"{'and backward: ours':>18} {'PyTorch':>9} {'ratio':>6}")
for row in ours:
    if row["part"] == "dense" and row["pass"] == "forward" and peer_of(row):
        both = next((other for other in ours if other.get("name") == row["name"]
                     and other["pass"] != "forward"), None)
        text = f"{row['name']:26}"
        for one, width in ((row, 17), (both, 19)):
            if one:
                a, b = one["milliseconds"], peer_of(one)["milliseconds"]
                text += f"{a:{width}.2f} {b:9.2f} {b / a:6.2f}"
        print(text)
print()
print(f"{'JPEG to numbers':16} {'images/s a core':>15}", end="")
decoders = sorted({row["who"] for row in peers if row["part"] == "data"})
print("".join(f" {who:>12} {'ratio':>6}" for who in decoders))
for row in ours:
    if row["part"] == "data":
        text = f"{row['name']:16} {row['imagesPerSecond']:15.0f}"
        for who in decoders:
            rate = next(peer["imagesPerSecond"] for peer in peers
                        if (peer["who"], peer.get("name")) == (who, row["name"]))
            text += f" {rate:12.0f} {row['imagesPerSecond'] / rate:6.2f}"
        print(text)
