"""How the scripts of this folder time a body of work, and the line that they print of it."""
import json
import resource
import time


def best(body, seconds=6, clock=time.perf_counter):
    """The shortest of several runs after one to warm up; at least three, for about `seconds`."""
    body()
    shortest, total, runs = float("inf"), 0.0, 0
    while runs < 3 or total < seconds:
        start = clock()
        body()
        took = clock() - start
        shortest, total, runs = min(shortest, took), total + took, runs + 1
    return shortest


def report(part, batch, seconds, who="pytorch", **extra):
    """Prints images a second and the most memory so far as one JSON object."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"who": who, "part": part, "batch": batch, "peakMiB": peak,
                      "imagesPerSecond": batch / seconds, **extra}), flush=True)
