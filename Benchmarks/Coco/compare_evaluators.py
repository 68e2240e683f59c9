"""Times COCO evaluators from JSON files to numbers, each in a process of its own.

Compares bench-coco with pycocotools 2.0.11 and faster-coco-eval 1.8.0. Prints, for boxes and masks
together, seconds of wall clock and of processor time, peak memory, ratios, and the largest
difference of the twelve numbers to pycocotools.
"""
import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def peer(tool, truth, files):
    """The twelve numbers of each file by a Python evaluator, and seconds spent reading."""
    if tool == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    numbers = {}
    with contextlib.redirect_stdout(io.StringIO()):
        for kind, path in files.items():
            ground_truth = COCO(truth)
            run = COCOeval(ground_truth, ground_truth.loadRes(path), kind)
            run.evaluate()
            run.accumulate()
            run.summarize()
            numbers[kind] = [float(value) for value in run.stats[:12]]
    return numbers


def measured(command):
    """Runs a command; returns its output, wall and processor seconds and peak memory in MiB."""
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        if status != 0:
            sys.exit(f"{command[0]} ended with status {status}")
        out.seek(0)
        return out.read(), wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def ours(binary, truth, files):
    numbers, wall, processor, peak = {}, 0.0, 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        for kind, path in files.items():
            output = f"{folder}/{kind}.json"
            _, seconds, busy, memory = measured(
                [binary, "evaluate", "--quiet", "--ground-truth", truth, "--detections", path,
                 "--iou-type", kind, "--output", output])
            with open(output) as file:
                metrics = json.load(file)["results"][kind]["metrics"]
            numbers[kind] = [metrics[name] for name in NAMES]
            wall, processor, peak = wall + seconds, processor + busy, max(peak, memory)
    return numbers, wall, processor, peak


def compare_readers(binary, truth):
    own = measured([binary, "check-annotations", "--annotations", truth])
    peer = measured([sys.executable, "-c", "import sys; from pycocotools.coco import COCO; "
                     "COCO(sys.argv[1])", truth])
    print(f"reading {os.path.getsize(truth) >> 20} MiB of annotations")
    for name, (_, wall, processor, peak) in (("bench-data", own), ("pycocotools", peer)):
        print(f"{name:18} {wall:8.2f} {processor:8.2f} {peak:7d} {wall / own[1]:11.1f} "
              f"{processor / own[2]:10.1f} {peak / own[3]:10.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary")
    parser.add_argument("--ground-truth", required=True)
    parser.add_argument("--boxes")
    parser.add_argument("--masks")
    parser.add_argument("--reader", help="bench-data: only compare reading the ground truth")
    parser.add_argument("--peer", choices=["pycocotools", "faster-coco-eval"])
    options = parser.parse_args()
    if options.reader:
        compare_readers(options.reader, options.ground_truth)
        return
    files = {"bbox": options.boxes, "segm": options.masks}
    if options.peer:
        print(json.dumps(peer(options.peer, options.ground_truth, files)))
        return
    rows = {"bench-coco": ours(options.binary, options.ground_truth, files)}
    for tool in ("faster-coco-eval", "pycocotools"):
        output, wall, processor, peak = measured(
            [sys.executable, __file__, "--ground-truth", options.ground_truth, "--boxes",
             options.boxes, "--masks", options.masks, "--peer", tool])
        rows[tool] = (json.loads(output.splitlines()[-1]), wall, processor, peak)
    reference = rows["pycocotools"][0]
    own = rows["bench-coco"]
    print(f"{'':18} {'wall s':>8} {'CPU s':>8} {'MiB':>7} {'times wall':>11} {'times CPU':>10} "
          f"{'times MiB':>10}  largest difference")
    for tool, (numbers, wall, processor, peak) in rows.items():
        difference = max(abs(a - b) for kind in reference
                         for a, b in zip(numbers[kind], reference[kind]))
        print(f"{tool:18} {wall:8.2f} {processor:8.2f} {peak:7d} {wall / own[1]:11.1f} "
              f"{processor / own[2]:10.1f} {peak / own[3]:10.1f}  {difference:.1e}")


main()
