#!/usr/bin/env python3
"""Does a verdict survive a repetition?

Runs the sample suite with disjoint sets of seeds and under several kernel families, all from the
same backbone files, and counts how often the verdicts of two repetitions disagree. Python only
starts the programs and counts words; needs no package.

    Benchmarks/Report/repeat.py --programs .build/debug --folder /tmp/repetition
    Benchmarks/Report/repeat.py … --tally        # counts what is there, also while it still runs

A repetition that is there is not made again.
"""
import argparse
import collections
import itertools
import json
import os
import pathlib
import subprocess

# Short trainings: how far they differ is what is asked, not how good they get.
TASKS = {
    "linear": ["bench-linear", "--preset", "mini", "--input-size", "64"],
    "coco": ["bench-coco", "--preset", "mini", "--epochs", "24", "--image-scale", "0.5"],
    "ade20k": ["bench-ade20k", "--preset", "mini", "--iterations", "150", "--crop-size", "96"],
}
WORDS = ["better", "worse", "equivalent", "undecided"]


def repetition(options, task, family, number):
    seeds = [str(number * options.trainings + k) for k in range(options.trainings)]
    return options.folder / family / f"{task}-{'-'.join(seeds)}.json", seeds


def prepare(options, family):
    """A folder of its own for each family, with the data and backbones of all."""
    place = options.folder / family
    (place / "reports").mkdir(parents=True, exist_ok=True)
    for name in ("datasets", "reports/cache"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
        if not (place / name).is_symlink():
            (place / name).symlink_to(options.folder / name)
    return place


def backbones(options):
    """The files that all repetitions start from; made once, with our own products."""
    made = options.folder / "reports/cache/backbones"
    if len(list(made.rglob("*.pth"))) < 3:
        subprocess.run(
            [str(options.programs / "bench-linear"), "--seeds", "0"], check=True,
            cwd=prepare(options, "own"), stdout=subprocess.DEVNULL)
    chosen = []
    for name in ("random", "supervised", "moby"):
        found = [path for path in made.rglob("*.pth") if name in path.name]
        if len(found) != 1:
            raise SystemExit(f"{made} holds {len(found)} files named '{name}'; keep one of each")
        chosen += found
    return ",".join(map(str, chosen))


def run(options, task, family, number):
    result, seeds = repetition(options, task, family, number)
    if result.exists():
        return
    program, *settings = TASKS[task]
    command = [str(options.programs / program), *settings, "--seeds", ",".join(seeds)]
    command += ["--backbone", options.backbones]
    command += ["--threads", str(options.threads), "--quiet", "--json"]
    # Our own products have the same bits everywhere; OpenBLAS's depend on its kernels.
    environment = dict(os.environ)
    if family != "own":
        command += ["--products", "openblas"]
        environment["OPENBLAS_CORETYPE"] = family
    done = subprocess.run(
        command, cwd=prepare(options, family), env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with status {done.returncode}")
    aside = result.with_suffix(".partial")
    aside.write_text(done.stdout)
    aside.rename(result)
    print(f"{family} {task} seeds {','.join(seeds)}", flush=True)


def verdicts(path):
    """The words and differences of a run's table of differences: {(first, second, number): …}."""
    found = {}
    tables = json.loads(path.read_text())
    if isinstance(tables, dict):
        # The linear probe's table is an object with its differences inside.
        tables = [tables["differences"]] if "differences" in tables else []
    for table in tables:
        columns = table["columns"]
        if "word" not in columns:
            continue
        for cells in table["rows"]:
            row = dict(zip(columns, cells))
            key = (row["first"], row["second"], row.get("number", ""))
            difference = float(row["difference"].replace("−", "-").split(" ")[0])
            found[key] = (row["word"].split(" ")[0], difference, row["p"])
    return found


def tally(options):
    for task in TASKS:
        counts = collections.defaultdict(collections.Counter)
        pairs = collections.defaultdict(collections.Counter)
        spread = collections.defaultdict(list)
        for kind, choose in (
            ("other seeds, same kernels", lambda a, b: a[0] == b[0] and a[1] != b[1]),
            ("same seeds, other kernels", lambda a, b: a[0] != b[0] and a[1] == b[1]),
            ("other seeds, other kernels", lambda a, b: a[0] != b[0] and a[1] != b[1]),
        ):
            known = {}
            for family in options.families:
                for number in range(options.sets):
                    path, _ = repetition(options, task, family, number)
                    if path.exists():
                        known[family, number] = verdicts(path)
            if kind.startswith("other seeds, same"):
                for found in known.values():
                    for key, (word, difference, _) in found.items():
                        counts[key][word] += 1
                        spread[key].append(difference)
            for one, other in itertools.combinations(sorted(known), 2):
                if not choose(one, other):
                    continue
                for key in known[one].keys() & known[other].keys():
                    words = {known[one][key][0], known[other][key][0]}
                    pairs[kind]["all"] += 1
                    pairs[kind]["same word"] += len(words) == 1
                    pairs[kind]["contradiction"] += words == {"better", "worse"}
        if not counts:
            continue
        print(f"\n**{task}: words of {max(sum(c.values()) for c in counts.values())} repetitions**\n")
        print("| difference | mean | from … to | " + " | ".join(WORDS) + " |")
        print("|---|--:|--:|" + "--:|" * len(WORDS))
        for key in sorted(counts):
            values = spread[key]
            print(
                f"| {key[0]} − {key[1]}, {key[2]} | {sum(values) / len(values):+.2f} | "
                f"{min(values):+.2f} … {max(values):+.2f} | "
                + " | ".join(str(counts[key][word]) for word in WORDS) + " |")
        print("\n| two repetitions | pairs | same word | one better, one worse |")
        print("|---|--:|--:|--:|")
        for kind, count in pairs.items():
            print(
                f"| {kind} | {count['all']} | {100 * count['same word'] / count['all']:.1f} % | "
                f"{100 * count['contradiction'] / count['all']:.1f} % |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--programs", type=pathlib.Path, default=pathlib.Path(".build/debug"))
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--families", nargs="+", default=["Haswell", "SkylakeX"])
    parser.add_argument("--tasks", nargs="+", default=list(TASKS))
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--trainings", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tally", action="store_true")
    options = parser.parse_args()
    options.programs = options.programs.resolve()
    options.folder = options.folder.resolve()
    if not options.tally:
        options.backbones = backbones(options)
        for number in range(options.sets):
            for task in options.tasks:
                for family in options.families:
                    run(options, task, family, number)
    tally(options)


if __name__ == "__main__":
    main()
