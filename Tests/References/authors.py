"""Five steps of each pretraining method by its authors' own code, held against trajectories.json.

Made with: torch 2.15.0, torchvision 0.29.2, timm 1.0.31, numpy 2.2.6, diffdist 0.1, gloo as the
process group; for BYOL also jax 0.10.2, dm-haiku 0.0.17, optax 0.2.8, dm-tree 0.1.10. Run from this
folder, after trajectories.py, with the authors' files, which are not ours to copy:

    python authors.py moby           Transformer-SSL     SwinTransformer/Transformer-SSL 4510de1
    python authors.py mocov2         moco                facebookresearch/moco 78b69ca
    python authors.py mocov3         moco-v3             facebookresearch/moco-v3 c349e6e
    python authors.py dino           dino                facebookresearch/dino 7c446df
    python authors.py dino_multicrop dino esvit          and microsoft/esvit 2d6becd
    python authors.py supervised     Swin-Transformer    microsoft/Swin-Transformer f82860b
    python authors.py byol           deepmind-research   google-deepmind/deepmind-research f5de0ed
    python authors.py knn            dino                the vote of its eval_knn.py

Theirs are the losses, heads, queues, targets, schedules, groups of weight decay and optimisers; of
MoBY, multi-crop and supervised training the Swin as well, elsewhere it is trajectory_setup's, and
what stands in their main programs between these is restated here. Double precision. Prints the
largest relative difference of each quantity and fails above the bounds below; writes nothing. The
vote of neighbours is held against classification.json.
"""
import importlib
import json
import math
import sys
import tempfile
import types
import warnings
from types import SimpleNamespace as Settings

import timm.loss
import timm.scheduler
import torch
import torch.nn.functional as F
from torch import nn

from fill import fill
from trajectories import Trajectory, summarise_groups
from trajectory_setup import (
    BATCH, BOTTLENECK, CLASSES, EPOCHS, FEATURES, HIDDEN, METHODS, OUTPUT, PER_EPOCH, PROTOTYPES,
    QUEUE, SIZE, STEPS, TINY, TOTAL, WARMUP, backbone, initial_parameters, normalise)

BOUNDS = {"loss": 1e-6, "gradient_norm": 1e-6, "learning_rate": 1e-7, "momentum": 1e-7,
          "weight_decay": 1e-7, "teacher_temperature": 1e-7, "norms": 1e-6, "memory": 1e-5}
SWIN = dict(img_size=SIZE, patch_size=4, embed_dim=TINY["embed"], depths=TINY["depths"],
            num_heads=TINY["heads"], window_size=TINY["window"], drop_path_rate=0.0)


def package(name, folder):
    """A package whose own __init__ is passed over: it would import what is not needed here."""
    module = types.ModuleType(name)
    module.__path__ = [folder]
    sys.modules[name] = module


def value(name, shape, bound):
    return torch.from_numpy(fill(name, shape, bound)).double()


def view(name, step, size=SIZE):
    return value(f"{name}.step{step}", (BATCH, 3, size, size), 2.0)


class Encoder(nn.Module):
    """trajectory_setup's backbone behind the names that MoCo and DINO look for."""

    def __init__(self, num_classes=None, last="fc"):
        super().__init__()
        for key, number in initial_parameters("supervised").items():
            if key.startswith("encoder."):
                name = key[len("encoder."):].replace(".", ":")
                self.register_parameter(name, nn.Parameter(torch.from_numpy(number).double()))
        self.last = last
        if num_classes:
            setattr(self, last, nn.Linear(FEATURES, num_classes))

    def forward(self, x):
        p = {k.replace(":", "."): v for k, v in self.named_parameters() if "." not in k}
        return getattr(self, self.last)(backbone(x, p))


class Authors:
    """One method's networks, by the keys of trajectories.py."""

    dtype, pointer = torch.float64, 0

    def __init__(self):
        self.online, self.target, self.state = {}, {}, {}

    def encoder(self, module, suffix=""):
        into = self.target if suffix else self.online
        into |= {f"encoder{suffix}.{k.replace(':', '.')}": v for k, v in module.named_parameters()
                 if not k.startswith(("fc.", "head."))}

    def head(self, name, layers, places, suffix=""):
        """`places` are the numbers of the layers with their names here."""
        into = self.target if suffix else self.online
        for at, key in places.items():
            for part, parameter in layers[at].named_parameters():
                into[f"{name}{suffix}.{key}.{part}"] = parameter

    @torch.no_grad()
    def fill(self, method):
        start = initial_parameters(method)
        assert set(start) == set(self.online), set(start) ^ set(self.online)
        for key, parameter in self.online.items():
            parameter.copy_(torch.from_numpy(start[key]))
        for key, parameter in self.target.items():
            parameter.copy_(torch.from_numpy(start[key.replace("_k.", ".", 1)]))

    def gradient_norm(self):
        return math.sqrt(sum(float(p.grad.square().sum()) for p in self.online.values()
                             if p.grad is not None))


class MoBY(Authors):
    def __init__(self, folder):
        super().__init__()
        package("models", folder + "/models")
        sys.path.insert(0, folder)
        theirs = importlib.import_module("models.moby")
        swin = importlib.import_module("models.swin_transformer").SwinTransformer
        theirs.MoBYMLP.__init__.__defaults__ = (OUTPUT, HIDDEN, OUTPUT, 2)
        n = self.numbers = METHODS["moby"]
        data = Settings(TRAINING_IMAGES=PER_EPOCH * BATCH, BATCH_SIZE=BATCH)
        config = Settings(
            MODEL=Settings(SWIN=Settings(NORM_BEFORE_MLP="ln")), DATA=data,
            TRAIN=training(n, CLIP_GRAD=n["clip_norm"]))
        m = self.model = theirs.MoBY(
            config, swin(num_classes=0, **SWIN), swin(num_classes=0, **SWIN),
            contrast_momentum=n["base_momentum"], contrast_temperature=n["temperature"],
            contrast_num_negative=QUEUE)
        for suffix in ("", "_k"):
            self.encoder(getattr(m, "encoder" + suffix), suffix)
        places = {1: "linear_hidden.1", 2: "linear_hidden.2"}
        for name in ("projector", "projector_k", "predictor"):
            mlp, suffix = getattr(m, name), name[9:]
            self.head(name[:9], mlp.linear_hidden, places, suffix)
            self.head(name[:9], [mlp.linear_out], {0: "linear_out"}, suffix)
        self.fill("moby")
        for name in ("queue1", "queue2"):
            setattr(m, name, normalise(value(name, (QUEUE, OUTPUT), 1.0)).T.contiguous())
        self.optimizer = importlib.import_module("optimizer").build_optimizer(config, m)
        self.scheduler = scheduler(config, self.optimizer)

    def step(self, t):
        rate = self.optimizer.param_groups[0]["lr"]
        decay = self.optimizer.param_groups[0]["weight_decay"]
        loss = self.model(view("view1", t), view("view2", t))
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.numbers["clip_norm"])
        self.optimizer.step()
        self.scheduler.step_update(t)
        self.state = {"queue1": self.model.queue1.T, "queue2": self.model.queue2.T}
        self.pointer = int(self.model.queue_ptr)
        return dict(loss=loss, learning_rate=rate, weight_decay=decay, gradient_norm=norm)


class MoCoV2(Authors):
    def __init__(self, folder):
        super().__init__()
        sys.path.insert(0, folder)
        self.program = importlib.import_module("main_moco")
        n = METHODS["mocov2"]
        self.settings = Settings(lr=n["peak"], cos=True, epochs=EPOCHS)
        m = self.model = importlib.import_module("moco.builder").MoCo(
            Encoder, OUTPUT, QUEUE, n["base_momentum"], n["temperature"], mlp=True)
        for letter, suffix in (("q", ""), ("k", "_k")):
            network = getattr(m, "encoder_" + letter)
            self.encoder(network, suffix)
            self.head("projector", network.fc, {0: "linear_hidden.1", 2: "linear_out"}, suffix)
        self.fill("mocov2")
        m.queue = normalise(value("queue", (QUEUE, OUTPUT), 1.0)).T.contiguous()
        self.optimizer = torch.optim.SGD(
            m.parameters(), n["peak"], momentum=n["sgd_momentum"], weight_decay=n["weight_decay"])

    def step(self, t):
        self.program.adjust_learning_rate(self.optimizer, t // PER_EPOCH, self.settings)
        output, target = self.model(im_q=view("view1", t), im_k=view("view2", t))
        loss = nn.CrossEntropyLoss()(output, target)
        self.optimizer.zero_grad()
        loss.backward()
        norm = self.gradient_norm()
        self.optimizer.step()
        self.state, self.pointer = {"queue": self.model.queue.T}, int(self.model.queue_ptr)
        group = self.optimizer.param_groups[0]
        return dict(loss=loss, learning_rate=group["lr"], weight_decay=group["weight_decay"],
                    gradient_norm=norm, momentum=self.model.m)


class MoCoV3(Authors):
    def __init__(self, folder):
        super().__init__()
        for name in ("vits", "torch.utils.tensorboard"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["torch.utils.tensorboard"].SummaryWriter = None
        sys.path.insert(0, folder)
        self.program = importlib.import_module("main_moco")
        n = METHODS["mocov3"]
        self.settings = Settings(lr=n["peak"], warmup_epochs=WARMUP / PER_EPOCH, epochs=EPOCHS,
                                 moco_m=n["base_momentum"])
        m = self.model = importlib.import_module("moco.builder").MoCo_ViT(
            lambda num_classes: Encoder(num_classes, last="head"), OUTPUT, HIDDEN,
            n["temperature"])
        hidden = {0: "linear_hidden.1", 1: "linear_hidden.2", 3: "linear_hidden.4",
                  4: "linear_hidden.5", 6: "linear_out"}
        for network, suffix in ((m.base_encoder, ""), (m.momentum_encoder, "_k")):
            self.encoder(network, suffix)
            self.head("projector", network.head, hidden, suffix)
        self.head("predictor", m.predictor,
                  {0: "linear_hidden.1", 1: "linear_hidden.2", 3: "linear_out"})
        self.fill("mocov3")
        for key, parameter in self.online.items():  # as vits.py does with stop_grad_conv1
            parameter.requires_grad = not key.startswith(n["frozen"])
        self.optimizer = torch.optim.AdamW(m.parameters(), n["peak"],
                                           weight_decay=n["weight_decay"])

    def step(self, t):
        rate = self.program.adjust_learning_rate(self.optimizer, t / PER_EPOCH, self.settings)
        momentum = self.program.adjust_moco_momentum(t / PER_EPOCH, self.settings)
        loss = self.model(view("view1", t), view("view2", t), momentum)
        self.optimizer.zero_grad()
        loss.backward()
        norm = self.gradient_norm()
        self.optimizer.step()
        return dict(loss=loss, learning_rate=rate, momentum=momentum, gradient_norm=norm,
                    weight_decay=self.optimizer.param_groups[0]["weight_decay"])


class DINO(Authors):
    method = "dino"

    def __init__(self, folder):
        super().__init__()
        sys.path.insert(0, folder)
        self.utils = importlib.import_module("utils")
        program = importlib.import_module("main_dino")
        n = self.numbers = METHODS[self.method]
        networks = []
        for suffix in ("", "_k"):
            head = program.DINOHead(FEATURES, PROTOTYPES, hidden_dim=HIDDEN,
                                    bottleneck_dim=BOTTLENECK)
            network = self.utils.MultiCropWrapper(self.backbone(), head)
            self.encoder(network.backbone, suffix)
            networks.append(network)
            into = self.target if suffix else self.online
            into |= {f"projector{suffix}.{k}": v for k, v in head.named_parameters()}
        self.student, self.teacher = networks
        self.fill(self.method)
        for parameter in self.teacher.parameters():
            parameter.requires_grad = False
        self.loss = program.DINOLoss(
            PROTOTYPES, n["local_crops"] + 2, n["warmup_teacher_temperature"],
            n["teacher_temperature"], n["warmup_teacher_temperature_epochs"], EPOCHS,
            student_temp=n["student_temperature"], center_momentum=n["centre_momentum"])
        self.optimizer = torch.optim.AdamW(self.utils.get_params_groups(self.student))
        cosine = self.utils.cosine_scheduler
        self.rates = cosine(n["peak"], n["minimum"], EPOCHS, PER_EPOCH,
                            warmup_epochs=WARMUP // PER_EPOCH)
        self.decays = cosine(n["weight_decay"], n["final_weight_decay"], EPOCHS, PER_EPOCH)
        self.momenta = cosine(n["base_momentum"], 1, EPOCHS, PER_EPOCH)

    def backbone(self):
        return Encoder(1)

    def step(self, t):
        n, epoch = self.numbers, t // PER_EPOCH
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.rates[t]
            if i == 0:
                group["weight_decay"] = self.decays[t]
        images = [view("view1", t), view("view2", t)]
        images += [view(f"local{i + 1}", t, 16) for i in range(n["local_crops"])]
        loss = self.loss(self.student(images), self.teacher(images[:2]), epoch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = self.gradient_norm()
        self.utils.clip_gradients(self.student, n["clip_norm_per_tensor"])
        self.utils.cancel_gradients_last_layer(epoch, self.student, n["freeze_last_layer_epochs"])
        self.optimizer.step()
        with torch.no_grad():
            m = self.momenta[t]
            for q, k in zip(self.student.parameters(), self.teacher.parameters()):
                k.data.mul_(m).add_((1 - m) * q.detach().data)
        self.state = {"center": self.loss.center}
        return dict(loss=loss, learning_rate=self.rates[t], weight_decay=self.decays[t],
                    momentum=m, gradient_norm=norm,
                    teacher_temperature=self.loss.teacher_temp_schedule[epoch])


class MultiCrop(DINO):
    """DINO's wrapper around EsViT's Swin, which takes crops smaller than it was built for."""

    method = "dino_multicrop"

    def __init__(self, folder, esvit):
        package("models", esvit + "/models")
        self.swin = importlib.import_module("models.swin_transformer").SwinTransformer
        super().__init__(folder)

    def backbone(self):
        return self.swin(num_classes=0, **SWIN)


class Supervised(Authors):
    def __init__(self, folder):
        super().__init__()
        package("models", folder + "/models")
        sys.path.insert(0, folder)
        n = self.numbers = METHODS["supervised"]
        swin = importlib.import_module("models.swin_transformer").SwinTransformer
        m = self.model = swin(num_classes=CLASSES, **SWIN)
        self.encoder(m)
        self.online |= {"head." + k: v for k, v in m.head.named_parameters()}
        self.fill("supervised")
        config = Settings(TRAIN=training(n))
        self.optimizer = importlib.import_module("optimizer").build_optimizer(config, m)
        self.scheduler = scheduler(config, self.optimizer)

    def step(self, t):
        group = self.optimizer.param_groups[0]
        rate, decay = group["lr"], group["weight_decay"]
        targets = value(f"targets.step{t}", (BATCH, CLASSES), 2.0).softmax(1)
        loss = timm.loss.SoftTargetCrossEntropy()(self.model(view("view1", t)), targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.numbers["clip_norm"])
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.scheduler.step_update(t)
        return dict(loss=loss, learning_rate=rate, weight_decay=decay, gradient_norm=norm)


def training(n, **more):
    """The part TRAIN of Swin's and MoBY's configuration, with the schedule as first published:
    Swin's code of 2022 can also take the warm-up off the cosine (WARMUP_PREFIX)."""
    return Settings(
        EPOCHS=EPOCHS, START_EPOCH=0, WARMUP_EPOCHS=WARMUP // PER_EPOCH, BASE_LR=n["peak"],
        WARMUP_LR=n["warmup_start"], MIN_LR=n["minimum"], WEIGHT_DECAY=n["weight_decay"],
        OPTIMIZER=Settings(NAME="adamw", EPS=n["epsilon"], BETAS=n["betas"], MOMENTUM=0.9),
        LR_SCHEDULER=Settings(NAME="cosine", DECAY_EPOCHS=1, WARMUP_PREFIX=False, MULTISTEPS=[]),
        **more)


def scheduler(config, optimizer):
    theirs = importlib.import_module("lr_scheduler")
    # timm calls t_mul cycle_mul since 0.5.
    theirs.CosineLRScheduler = lambda *a, t_mul, **k: timm.scheduler.CosineLRScheduler(
        *a, cycle_mul=t_mul, **k)
    return theirs.build_scheduler(config, optimizer, PER_EPOCH)


def byol(folder):
    from authors_byol import BYOL
    return BYOL(folder)


def knn(folder):
    """DINO's vote on the rows of classification.py: as many right answers, first and among five."""
    from classification import CLASSES as KINDS, neighbours
    sys.path.insert(0, folder)
    vote = importlib.import_module("eval_knn").knn_classifier
    train, train_labels, test, test_labels = neighbours()
    times = -(-100 // len(test))  # theirs takes the queries in a hundred parts
    queries, answers = test.repeat(times, 1), torch.from_numpy(test_labels).repeat(times)
    with open("../Fixtures/Evaluation/classification.json") as file:
        expected = json.load(file)["nearest"]
    for k, ours in expected.items():
        theirs = vote(train, torch.from_numpy(train_labels), queries, answers, int(k), 0.07, KINDS)
        counts = [round(share * len(test) / 100, 6) for share in theirs]
        assert counts == [ours["top1"], ours["top5"]], (k, counts)
        print(f"knn {k}: {counts[0]:g} right, {counts[1]:g} among five, of {len(test)}: equal")


def compare(steps, expected):
    """The largest relative difference of each quantity."""
    worst = {}

    def note(name, ours, theirs, scale=None):
        error = abs(float(theirs) - ours) / max(abs(ours), scale or 1e-12)
        worst[name] = max(worst.get(name, 0.0), error)

    for theirs, ours in zip(steps, expected):
        for key, number in theirs.items():
            if key in ours and isinstance(ours[key], (int, float)):
                note(key, ours[key], number)
        for key, number in theirs["sensitive"].items():
            # A sum of numbers of both signs is compared with the size of what is summed.
            note("norms", ours["sensitive"][key], number,
                 ours["sensitive"][key.removesuffix(".sum")])
        for key, number in theirs["extra"].items():
            note("memory", ours["extra"][key], number, 1.0)
    return worst


def main():
    method, *folders = sys.argv[1:]
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    if method == "knn":
        return knn(*folders)
    torch.Tensor.cuda = lambda self, *_, **__: self
    nn.SyncBatchNorm.convert_sync_batchnorm = staticmethod(lambda module: module)
    store = torch.distributed.FileStore(tempfile.mktemp(), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    with open("../Fixtures/Models/trajectories.json") as file:
        reference = json.load(file)["methods"][method]
    make = dict(moby=MoBY, mocov2=MoCoV2, mocov3=MoCoV3, dino=DINO, dino_multicrop=MultiCrop,
                supervised=Supervised, byol=byol)[method]
    theirs = make(*folders)
    zero = {key.removesuffix(".key") for key in reference["zero_gradient"]}
    steps = []
    for t in range(STEPS):
        step = theirs.step(t) | Trajectory.measure(theirs)
        summarise_groups(step, zero)
        steps.append({k: v.detach() if torch.is_tensor(v) else v for k, v in step.items()})
    worst = compare(steps, reference["steps"])
    print(method, *(f"{k} {v:.1e}" for k, v in worst.items()), sep="\n   ")
    assert {"loss", "gradient_norm", "learning_rate", "norms"} <= set(worst)
    for key, error in worst.items():
        assert error < BOUNDS[key], key
    assert TOTAL == EPOCHS * PER_EPOCH


if __name__ == "__main__":
    main()
