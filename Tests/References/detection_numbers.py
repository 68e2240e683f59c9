"""Curves, keypoints, LVIS, boundaries, F1, calibration and confusions from the field's own code.

Made with: pycocotools 2.0.11, lvis 0.5.3, boundary-iou-api at 37d2558 (a checkout on PYTHONPATH),
hotcoco 1.3.0, tidecv 1.0.1, numpy 2.4.6, opencv-python 5.0.0.93. Run from this folder after
coco_evaluation.py, whose scenes it scores.

    detection_numbers.py                       writes ../Fixtures/Evaluation/detection
    detection_numbers.py --real FOLDER         adds real.json there, from FOLDER, and writes the made
                                               detections that it scored beside the annotations

FOLDER is laid out as ../../../shared/data/eval_json: cocoapi_val2014_100 as published,
lvis_val_100/lvis_val_100.json of lvis-dataset/lvis-api, and
person_keypoints_val2017/annotations.json, some images of COCO's own.
"""
import argparse
import contextlib
import copy
import io
import json
import pathlib
import random
import tempfile

import hotcoco
import numpy as np
from boundary_iou.coco_instance_api.coco import COCO as BoundaryCOCO
from boundary_iou.coco_instance_api.cocoeval import COCOeval as BoundaryEval
from boundary_iou.lvis_instance_api import eval as boundary_lvis
from lvis import LVIS, LVISEval, LVISResults
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tidecv import TIDE, datasets

# boundary-iou-api calls what numpy has renamed.
np.float = float

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "Evaluation"


def quiet():
    return contextlib.redirect_stdout(io.StringIO())


def path_of(folder, name, value):
    path = pathlib.Path(folder) / name
    path.write_text(json.dumps(value))
    return str(path)


# Scores

def evaluated(truth, results, kind, change=lambda params: None, boundary=False):
    """A reference evaluator after accumulation; `change` edits its parameters."""
    with quiet(), tempfile.TemporaryDirectory() as folder:
        kind_of = (BoundaryCOCO, BoundaryEval) if boundary else (COCO, COCOeval)
        coco = kind_of[0](path_of(folder, "truth.json", truth),
                          **({"get_boundary": True} if boundary else {}))
        found = coco.loadRes(copy.deepcopy(results))
        run = kind_of[1](coco, found, kind)
        change(run.params)
        run.evaluate()
        run.accumulate()
        if len(run.params.areaRng) >= 3 and len(run.params.maxDets) in (1, 3):
            run.summarize()
    return run


def mean(values):
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def numbers(run):
    """The means that this suite prints, whatever the parameters are."""
    precision, recall = run.eval["precision"], run.eval["recall"]
    thresholds = [float(t) for t in run.params.iouThrs]
    result = {"AP": mean(precision[:, :, :, 0, -1])}
    for name, at in (("AP50", 0.5), ("AP75", 0.75)):
        steps = [i for i, t in enumerate(thresholds) if abs(t - at) < 1e-9]
        result[name] = mean(precision[steps][:, :, :, 0, -1])
    result["byRange"] = [mean(precision[:, :, :, a, -1]) for a in range(precision.shape[3])]
    result["recallByRange"] = [mean(recall[:, :, a, -1]) for a in range(recall.shape[2])]
    result["recallByLimit"] = [mean(recall[:, :, 0, m]) for m in range(recall.shape[3])]
    result["classes"] = [mean(precision[:, :, k, 0, -1]) for k in range(precision.shape[2])]
    return result


def rounded(array):
    return [round(float(v), 12) for v in array.ravel()]


def curves(run):
    """Precision and score at every recall of the first and last overlap, [threshold, class, recall];
    and the sums over recalls of all, [range, class, threshold]."""
    precision, scores = run.eval["precision"][..., -1], run.eval["scores"][..., -1]
    pick = [0, precision.shape[0] - 1]
    return {"precision": rounded(precision[pick][:, :, :, 0].transpose(0, 2, 1)),
            "scores": rounded(scores[pick][:, :, :, 0].transpose(0, 2, 1)),
            "precisionSums": rounded(precision.sum(axis=1).transpose(2, 1, 0)),
            "scoreSums": rounded(scores.sum(axis=1).transpose(2, 1, 0))}


def judged(run, category=None):
    """Score and outcome of every detection that counts at overlap 0.5, and the objects."""
    step = int(np.argmin(np.abs(np.array(run.params.iouThrs) - 0.5)))
    scores, right, objects = [], [], 0
    for entry in run.evalImgs:
        if entry is None or list(entry["aRng"]) != list(run.params.areaRng[0]):
            continue
        if category is not None and entry["category_id"] != category:
            continue
        objects += int((np.array(entry["gtIgnore"]) == 0).sum())
        for at, score in enumerate(entry["dtScores"]):
            if not entry["dtIgnore"][step][at]:
                scores.append(score)
                right.append(entry["dtMatches"][step][at] > 0)
    return np.array(scores), np.array(right, bool), objects


def best_point(run, category=None):
    """The cut-off with the best F1, by trying every score."""
    scores, right, objects = judged(run, category)
    best = None
    for cut in sorted(set(scores.tolist()), reverse=True):
        kept = scores >= cut
        found = int(right[kept].sum())
        f1 = 2 * found / (int(kept.sum()) + objects)
        if found and (best is None or f1 > best[0]):
            best = (f1, cut, found / int(kept.sum()), found / objects)
    return list(best) if best else None


def by_hotcoco(truth, results, kind):
    with quiet(), tempfile.TemporaryDirectory() as folder:
        coco = hotcoco.COCO(path_of(folder, "truth.json", truth))
        found = coco.load_res(path_of(folder, "found.json", results))
        run = hotcoco.COCOeval(coco, found, kind)
        run.run()
        scores = run.f_scores()
        calibration = run.calibration(10, 0.5)
        confusion = run.confusion_matrix(0.5, 100, 0.3)
    names = {c["name"]: c["id"] for c in truth["categories"]}
    return {
        "f1": [scores["F1"], scores["F1_50"], scores["F1_75"]],
        "calibration": {
            "ece": calibration["ece"], "mce": calibration["mce"],
            "count": calibration["num_detections"],
            "bins": [[b["count"], b["avg_confidence"], b["avg_accuracy"]]
                     for b in calibration["bins"]],
            "classes": {str(names[n]): v for n, v in calibration["per_category"].items()}},
        "confusion": [int(v) for v in np.asarray(confusion["matrix"]).ravel()]}


def untied(results):
    """The same detections, of equal scores the earlier better: tidecv orders ties anew for every
    error that it corrects."""
    return [{**r, "score": r["score"] - 1e-7 * at} for at, r in enumerate(results)]


def tide(truth, results, mode, load=datasets.COCO):
    with quiet(), tempfile.TemporaryDirectory() as folder:
        run = TIDE().evaluate(
            load(path_of(folder, "truth.json", truth)),
            datasets.COCOResult(path_of(folder, "found.json", results)),
            mode=TIDE.BOX if mode == "bbox" else TIDE.MASK)
        special = run.fix_special_errors()
    names = {"Cls": "classification", "Loc": "localization", "Both": "both", "Dupe": "duplicate",
             "Bkg": "background", "Miss": "missed"}
    return {"AP": run.ap / 100,
            "counts": {names[k.short_name]: v for k, v in run.count_errors().items()},
            "losses": {names[k.short_name]: v / 100 for k, v in run.fix_main_errors().items()},
            "special": [v / 100 for v in special.values()]}


def by_lvis(truth, results, kind, categories=None):
    if kind == "boundary":
        # boundary-iou-api would make crowds of what lvis-api takes for objects.
        truth = {**truth, "annotations": without(truth["annotations"], "iscrowd")}
        api = boundary_lvis.LVIS, boundary_lvis.LVISResults, boundary_lvis.LVISEval
    else:
        api = LVIS, LVISResults, LVISEval
    with quiet(), tempfile.TemporaryDirectory() as folder:
        ground_truth = api[0](path_of(folder, "truth.json", truth))
        run = api[2](ground_truth, api[1](ground_truth, copy.deepcopy(results)), kind)
        if categories:
            run.params.cat_ids = sorted(categories)
        run.run()
    precision = run.eval["precision"]
    # AR@300 is AR300 here, and ARs@300 is ARs.
    names = {k: k.replace("@", "") if k[2:3] == "@" else k.split("@")[0] for k in run.results}
    return {"metrics": {names[k]: float(v) for k, v in run.results.items()},
            "classes": [mean(precision[:, :, k, 0]) for k in range(precision.shape[2])]}


# Scenes

POINTS = 17
SIGMAS = [.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89]


def keypoint_scene(rng):
    images, annotations = [], []
    for number in range(30):
        image = {"id": 500 - 7 * number, "file_name": f"{number}.jpg", "width": 400,
                 "height": 300}
        images.append(image)
        for _ in range(rng.randint(0, 4)):
            w, h = rng.choice([20, 45, 90, 150]), rng.choice([30, 60, 120, 180])
            x, y = rng.uniform(0, 400 - w), rng.uniform(0, 300 - h)
            labelled = rng.random() > 0.2
            points = []
            for _ in range(POINTS):
                seen = rng.choice([0, 1, 2, 2]) if labelled else 0
                points += ([round(x + rng.random() * w, 1), round(y + rng.random() * h, 1), seen]
                           if seen else [0, 0, 0])
            count = sum(v > 0 for v in points[2::3])
            annotations.append({
                "id": len(annotations) + 1, "image_id": image["id"],
                "category_id": rng.choice([1, 1, 4]), "area": round(w * h * rng.uniform(.3, .8), 2),
                "iscrowd": int(rng.random() < 0.1), "num_keypoints": count, "keypoints": points,
                "bbox": [round(x, 2), round(y, 2), w, h]})
    names = [f"point {n}" for n in range(POINTS)]
    return {"images": images, "annotations": annotations,
            "categories": [{"id": c, "name": n, "keypoints": names, "skeleton": []}
                           for c, n in ((4, "rider"), (1, "person"), (9, "nobody"))]}


def keypoint_detections(rng, truth):
    results = []
    for annotation in truth["annotations"]:
        x, y, w, h = annotation["bbox"]
        for _ in range(rng.randint(0, 4)):
            spread = rng.choice([0.01, 0.03, 0.08, 0.3]) * (w + h) / 2
            points = []
            for at in range(POINTS):
                px, py, seen = annotation["keypoints"][3 * at:3 * at + 3]
                if not seen:
                    px, py = x + rng.uniform(-.5, 1.5) * w, y + rng.uniform(-.5, 1.5) * h
                points += [round(px + rng.gauss(0, spread), 2), round(py + rng.gauss(0, spread), 2),
                           1]
            category = annotation["category_id"]
            if rng.random() < 0.1:
                category = rng.choice([c["id"] for c in truth["categories"]])
            results.append({"image_id": annotation["image_id"], "category_id": category,
                            "keypoints": points,
                            "score": rng.choice([0.25, 0.5, 0.75, round(rng.random(), 3)])})
    for image in truth["images"]:
        for _ in range(rng.choice([0, 0, 1, 25])):
            results.append({
                "image_id": image["id"],
                "category_id": rng.choice([c["id"] for c in truth["categories"]]),
                "keypoints": [round(v, 1) for _ in range(POINTS) for v in
                              (rng.uniform(0, image["width"]), rng.uniform(0, image["height"]), 1)],
                "score": round(rng.random() * 0.6, 3)})
    rng.shuffle(results)
    return results


def lvis_scene(rng, truth):
    """COCO's scene with what LVIS knows: which classes are absent or annotated in part."""
    truth = copy.deepcopy(truth)
    ids = [c["id"] for c in truth["categories"]]
    present = {image["id"]: set() for image in truth["images"]}
    for at, annotation in enumerate(truth["annotations"]):
        present[annotation["image_id"]].add(annotation["category_id"])
        if rng.random() < 0.05:
            annotation["ignore"] = 1
        if at % 3:
            del annotation["iscrowd"]
    for image in truth["images"]:
        others = [i for i in ids if i not in present[image["id"]]]
        image["neg_category_ids"] = rng.sample(others, rng.randint(0, len(others)))
        image["not_exhaustive_category_ids"] = (
            rng.sample(ids, 2) if rng.random() < 0.4 else [])
    for at, category in enumerate(truth["categories"]):
        category["frequency"] = "rcf"[at % 3]
    return truth


def lvis_detections(rng, truth):
    """Detections of some of the objects, some misplaced, some of another class; 400 in one image."""
    sizes = {image["id"]: image for image in truth["images"]}
    ids = [c["id"] for c in truth["categories"]]
    used = sorted({a["category_id"] for a in truth["annotations"]})
    results = []
    first = truth["images"][0]["id"]
    for annotation in truth["annotations"]:
        copies = rng.randint(0, 3)
        if annotation["image_id"] == first:
            copies = 60
        for _ in range(copies):
            x, y, w, h = annotation["bbox"]
            s = rng.choice([0, 0.03, 0.1, 0.3])
            x, y = x + rng.uniform(-s, s) * w, y + rng.uniform(-s, s) * h
            w, h = w * (1 + rng.uniform(-s, s)), h * (1 + rng.uniform(-s, s))
            category = annotation["category_id"]
            if rng.random() < 0.2:
                category = rng.choice(used if rng.random() < 0.7 else ids)
            image = sizes[annotation["image_id"]]
            corners = [x, y, x + w, y + 0.1 * h, x + 0.95 * w, y + h, x + 0.05 * w, y + h]
            rle = masks.merge(masks.frPyObjects([corners], image["height"], image["width"]))
            results.append({
                "image_id": image["id"], "category_id": category,
                "bbox": [round(v, 2) for v in (x, y, w, h)],
                "segmentation": {"size": rle["size"], "counts": rle["counts"].decode()},
                "score": rng.choice([0.5, round(rng.random(), 3)])})
    rng.shuffle(results)
    return results


def emptied(rng, truth, results):
    """Eight images of LVIS's scene in which some objects and detections have no area."""
    images = truth["images"][1:9]
    ids = {image["id"] for image in images}
    truth = {**truth, "images": images, "annotations": copy.deepcopy(
        [a for a in truth["annotations"] if a["image_id"] in ids])}
    results = copy.deepcopy([r for r in results if r["image_id"] in ids])
    for annotation in truth["annotations"]:
        if rng.random() < 0.3:
            annotation["area"] = 0
    for result in results:
        if rng.random() < 0.3:
            height, width = result["segmentation"]["size"]
            nothing = masks.encode(np.zeros((height, width), np.uint8, order="F"))
            result["segmentation"]["counts"] = nothing["counts"].decode()
            result["bbox"][rng.choice([2, 3])] = 0
    return truth, results


def by_lvis_tide(truth, results, mode):
    """tidecv does not know that an object is marked, and asks for names that the scene lacks."""
    truth = copy.deepcopy(truth)
    for image in truth["images"]:
        image["coco_url"] = image["file_name"]
    for category in truth["categories"]:
        category["synset"] = category["name"]
    return tide(truth, untied(results), mode, datasets.LVIS)


def without(results, key):
    return [{k: v for k, v in result.items() if k != key} for result in results]


# Sets of numbers

def all_of_masks(truth, results, kind):
    """Everything of one type of overlap but boundaries."""
    run = evaluated(truth, results, kind)
    ids = sorted(c["id"] for c in truth["categories"])

    def other_thresholds(params):
        params.iouThrs = np.array([0.3, 0.6, 0.9])

    def other_ranges(params):
        params.areaRng = [[0, 1e10], [0, 400], [400, 2500]]
        params.areaRngLbl = ["all", "tiny", "middling"]

    def some(params):
        params.catIds = ids[1::2]
        params.imgIds = sorted(params.imgIds)[::3]

    return {
        "numbers": numbers(run), "curves": curves(run), "best": best_point(run),
        "bestByClass": {str(i): best_point(run, i) for i in ids},
        "thresholds": numbers(evaluated(truth, results, kind, other_thresholds)),
        "ranges": numbers(evaluated(truth, results, kind, other_ranges)),
        "some": numbers(evaluated(truth, results, kind, some)),
        **by_hotcoco(truth, results, kind), "errors": tide(truth, untied(results), kind)}


def box_sizes(truth, results):
    """Masks whose size is that of their box, as mmdetection 2.11 scores its own files."""
    with_boxes = []
    for result in results:
        box = [float(v) for v in masks.toBbox(
            {**result["segmentation"], "counts": result["segmentation"]["counts"].encode()})]
        with_boxes.append({**result, "bbox": box})
    return numbers(evaluated(truth, with_boxes, "segm"))


def write(name, value):
    folder = FIXTURES / "detection"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(value, separators=(",", ":")))


def synthetic():
    truth = json.loads((FIXTURES / "coco" / "truth.json").read_text())
    results = json.loads((FIXTURES / "coco" / "results.json").read_text())
    rng = random.Random(23)
    points_truth = keypoint_scene(rng)
    points = keypoint_detections(rng, points_truth)
    federated_truth = lvis_scene(rng, truth)
    federated = lvis_detections(rng, federated_truth)
    marked = copy.deepcopy(truth)
    for at, annotation in enumerate(marked["annotations"]):
        if at % 11 == 0:
            annotation["ignore"] = 1
    write("keypoints_truth.json", points_truth)
    write("keypoints_results.json", points)
    write("lvis_truth.json", federated_truth)
    write("lvis_results.json", federated)
    write("marked_truth.json", marked)
    empty_truth, empty = emptied(random.Random(29), federated_truth, federated)
    write("lvis_empty_truth.json", empty_truth)
    write("lvis_empty_results.json", empty)
    keypoints = evaluated(points_truth, points, "keypoints")
    write("expected.json", {
        "bbox": all_of_masks(truth, results, "bbox"),
        "segm": all_of_masks(truth, without(results, "bbox"), "segm"),
        "boxSizes": box_sizes(truth, without(results, "bbox")),
        "boundary": numbers(evaluated(truth, without(results, "bbox"), "boundary", boundary=True)),
        "boundaryMarked": numbers(
            evaluated(marked, without(results, "bbox"), "boundary", boundary=True)),
        "keypoints": {"metrics": [float(v) for v in keypoints.stats],
                      "numbers": numbers(keypoints), "curves": curves(keypoints),
                      "best": best_point(keypoints)},
        "lvis": {
            "bbox": by_lvis(federated_truth, without(federated, "segmentation"), "bbox"),
            "segm": by_lvis(federated_truth, without(federated, "bbox"), "segm"),
            "boundary": by_lvis(federated_truth, without(federated, "bbox"), "boundary"),
            "some": by_lvis(federated_truth, without(federated, "segmentation"), "bbox",
                            [1, 3, 9]),
            "emptyBoxes": by_lvis(empty_truth, without(empty, "segmentation"), "bbox"),
            "emptyMasks": by_lvis(empty_truth, without(empty, "bbox"), "segm"),
            "emptyBoundaries": by_lvis(empty_truth, without(empty, "bbox"), "boundary")},
        "lvisErrors": {
            "bbox": by_lvis_tide(federated_truth, without(federated, "segmentation"), "bbox"),
            "segm": by_lvis_tide(federated_truth, without(federated, "bbox"), "segm")}})


def real(folder):
    folder = pathlib.Path(folder)
    published = folder / "cocoapi_val2014_100"
    truth = json.loads((published / "instances_val2014_100.json").read_text())

    def found(kind):
        return json.loads((published / f"instances_val2014_fake{kind}100_results.json").read_text())

    def short(numbers_of):
        # Curves of eighty classes would be a large file; their sums say as much.
        for key in ("precision", "scores"):
            del numbers_of["curves"][key]
        return numbers_of

    expected = {kind: short(all_of_masks(truth, found(kind), kind)) for kind in ("bbox", "segm")}
    expected["boundary"] = numbers(evaluated(truth, found("segm"), "boundary", boundary=True))
    expected["boxSizes"] = box_sizes(truth, found("segm"))
    rng = random.Random(5)
    lvis = folder / "lvis_val_100"
    lvis_truth = json.loads((lvis / "lvis_val_100.json").read_text())
    made = lvis_detections(rng, lvis_truth)
    (lvis / "made_results.json").write_text(json.dumps(made))
    expected["lvis"] = {
        "bbox": by_lvis(lvis_truth, without(made, "segmentation"), "bbox"),
        "segm": by_lvis(lvis_truth, without(made, "bbox"), "segm"),
        "boundary": by_lvis(lvis_truth, without(made, "bbox"), "boundary")}
    people = folder / "person_keypoints_val2017"
    people_truth = json.loads((people / "annotations.json").read_text())
    made = keypoint_detections(rng, people_truth)
    (people / "made_results.json").write_text(json.dumps(made))
    run = evaluated(people_truth, made, "keypoints")
    expected["keypoints"] = {"metrics": [float(v) for v in run.stats], "numbers": numbers(run),
                             "curves": short({"curves": curves(run)})["curves"],
                             "best": best_point(run)}
    write("real.json", expected)


parser = argparse.ArgumentParser()
parser.add_argument("--real")
options = parser.parse_args()
synthetic() if options.real is None else real(options.real)
