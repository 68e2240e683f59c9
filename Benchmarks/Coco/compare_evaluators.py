"""Times COCO evaluators from JSON files to numbers, each in a process of its own for each type.

Compares bench-coco with hotcoco, vernier, faster-coco-eval and pycocotools. Prints, for boxes and
masks together, seconds of wall clock (median and least of the repeats) and of processor time, peak
memory, ratios of the medians, and the largest difference of the twelve numbers to pycocotools.

A peer's seconds start when Python has imported it; those of bench-coco are of the whole process.
"""
import argparse
import contextlib
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]
KINDS = ["bbox", "segm"]
PEERS = ["hotcoco", "vernier", "faster-coco-eval", "pycocotools"]
# Numbers that do not depend on the sizes of detections.
SIZELESS = [0, 1, 2, 6, 7, 8]


def evaluator(tool):
    """A function from truth, results and type to twelve numbers, everything imported."""
    if tool == "vernier":
        from pathlib import Path

        from vernier.instance import Bbox, CocoDataset, Evaluator, Segm

        def evaluate(truth, path, kind):
            ground_truth = CocoDataset.from_json(Path(truth).read_bytes())
            rules = Evaluator(iou=Bbox() if kind == "bbox" else Segm(), parity_mode="strict")
            return rules.evaluate(
                ground_truth, Path(path).read_bytes(), num_threads=os.cpu_count()).stats

        return evaluate
    if tool == "hotcoco":
        from hotcoco import COCO, COCOeval
    elif tool == "faster-coco-eval":
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as COCOeval
    else:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

    def evaluate(truth, path, kind):
        ground_truth = COCO(truth)
        load = ground_truth.load_res if tool == "hotcoco" else ground_truth.loadRes
        run = COCOeval(ground_truth, load(path), kind)
        run.evaluate()
        run.accumulate()
        run.summarize()
        return run.stats

    return evaluate


def peer(tool, truth, path, kind):
    """The numbers, and seconds of wall clock and processor."""
    evaluate = evaluator(tool)
    start, busy = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        numbers = evaluate(truth, path, kind)
    return [float(value) for value in numbers[:12]], time.perf_counter() - start, \
        time.process_time() - busy


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


def ours(binary, truth, path, kind):
    with tempfile.TemporaryDirectory() as folder:
        output = f"{folder}/{kind}.json"
        _, seconds, busy, memory = measured(
            [binary, "evaluate", "--quiet", "--ground-truth", truth, "--detections", path,
             "--iou-type", kind, "--output", output])
        with open(output) as file:
            metrics = json.load(file)["results"][kind]["metrics"]
        return [metrics[name] for name in NAMES], seconds, busy, memory


def theirs(tool, truth, path, kind):
    output, _, _, memory = measured(
        [sys.executable, __file__, "--ground-truth", truth, f"--{kind}", path, "--peer", tool])
    return *json.loads(output.splitlines()[-1]), memory


def with_boxes(path, output):
    """Writes the results with the bounds of each mask as its box: vernier reads no others."""
    from pycocotools import mask

    with open(path) as file:
        records = json.load(file)
    boxes = mask.toBbox([record["segmentation"] for record in records])
    for record, box in zip(records, boxes):
        record["bbox"] = [float(value) for value in box]
    with open(output, "w") as file:
        json.dump(records, file)


def compare_readers(binary, truth):
    own = measured([binary, "check-annotations", "--annotations", truth])
    peer = measured([sys.executable, "-c", "import sys; from pycocotools.coco import COCO; "
                     "COCO(sys.argv[1])", truth])
    print(f"reading {os.path.getsize(truth) >> 20} MiB of annotations")
    for name, (_, wall, processor, peak) in (("bench-data", own), ("pycocotools", peer)):
        print(f"{name:18} {wall:8.2f} {processor:8.2f} {peak:7d} {wall / own[1]:11.1f} "
              f"{processor / own[2]:10.1f} {peak / own[3]:10.1f}")


def compare(options, folder):
    rows = {}
    masks_with_boxes = f"{folder}/masks.json"
    if "vernier" in options.peers:
        # By a process of its own: a child counts the memory of its parent as its own peak.
        maker = multiprocessing.Process(target=with_boxes, args=(options.segm, masks_with_boxes))
        maker.start()
        maker.join()
        if maker.exitcode != 0:
            sys.exit("could not add boxes to the masks")
    for tool in ["bench-coco"] + options.peers:
        rows[tool] = {kind: [] for kind in KINDS}
    for repeat in range(options.repeats):
        for tool, runs in rows.items():
            # The slow ones need no repeats.
            if repeat > 0 and tool in ("faster-coco-eval", "pycocotools"):
                continue
            for kind in KINDS:
                path = getattr(options, kind)
                if tool == "bench-coco":
                    runs[kind].append(ours(options.binary, options.ground_truth, path, kind))
                    continue
                if tool == "vernier" and kind == "segm":
                    path = masks_with_boxes
                runs[kind].append(theirs(tool, options.ground_truth, path, kind))
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary")
    parser.add_argument("--ground-truth", required=True)
    parser.add_argument("--bbox", help="results with boxes")
    parser.add_argument("--segm", help="results with masks")
    parser.add_argument("--reader", help="bench-data: only compare reading the ground truth")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=PEERS)
    parser.add_argument("--peer", choices=PEERS, help="only run this one, on one file")
    options = parser.parse_args()
    if options.reader:
        compare_readers(options.reader, options.ground_truth)
        return
    if options.peer:
        kind = "bbox" if options.bbox else "segm"
        print(json.dumps(
            peer(options.peer, options.ground_truth, getattr(options, kind), kind)))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(options, folder)
    reference = rows.get("pycocotools") or rows["bench-coco"]

    def total(runs, column, of):
        return sum(of(run[column] for run in runs[kind]) for kind in KINDS)

    def peak(runs):
        return max(run[3] for kind in KINDS for run in runs[kind])

    own = rows["bench-coco"]
    print(f"{'':18} {'wall s':>8} {'least':>8} {'CPU s':>8} {'MiB':>7} {'times wall':>11} "
          f"{'times CPU':>10} {'times MiB':>10}  largest difference")
    for tool, runs in rows.items():
        wall, least = total(runs, 1, statistics.median), total(runs, 1, min)
        processor, memory = total(runs, 2, statistics.median), peak(runs)
        # With boxes in a file of masks the sizes of detections are others.
        places = SIZELESS if tool == "vernier" else range(len(NAMES))
        difference = max(abs(runs[kind][0][0][at] - reference[kind][0][0][at])
                         for kind in KINDS for at in places)
        print(f"{tool:18} {wall:8.2f} {least:8.2f} {processor:8.2f} {memory:7d} "
              f"{wall / total(own, 1, statistics.median):11.1f} "
              f"{processor / total(own, 2, statistics.median):10.1f} "
              f"{memory / peak(own):10.1f}  {difference:.1e}")


main()
