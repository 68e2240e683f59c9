"""BYOL by its authors' own JAX code, for authors.py; a module without a script of its own.

Theirs are the heads (haiku), the loss, both schedules and LARS with its rule of what is left out.
The backbone is trajectory_setup's, in PyTorch: its features go to their code, and their gradient of
the features comes back. The target's update is one line of their experiment and restated.
"""
import importlib
import sys

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from authors import Authors, Encoder, view
from trajectory_setup import BATCH, HIDDEN, METHODS, OUTPUT, TOTAL, WARMUP

jax.config.update("jax_enable_x64", True)
jax.tree_map = jax.tree_util.tree_map  # its name until jax 0.4.25

HEADS = ("projector", "predictor")
# haiku's names of a head's layers, and ours.
LAYERS = {"linear": "linear_hidden.1", "batch_norm": "linear_hidden.2", "linear_1": "linear_out"}
PARTS = {"w": "weight", "b": "bias", "scale": "weight", "offset": "bias"}


def numbers(tensor):
    return jnp.asarray(tensor.detach().numpy())


class BYOL(Authors):
    def __init__(self, folder):
        super().__init__()
        sys.path.insert(0, folder + "/byol")
        names = ("helpers", "networks", "optimizers", "schedules")
        self.helpers, networks, self.optimizers, self.schedules = (
            importlib.import_module("utils." + name) for name in names)
        n = self.numbers = METHODS["byol"]
        batch_norm = dict(decay_rate=0.9, eps=1e-5, create_scale=True, create_offset=True)

        def heads(features, is_predicted):
            make = [networks.MLP(name=name, hidden_size=HIDDEN, output_size=OUTPUT,
                                 bn_config=batch_norm) for name in HEADS]
            projection = make[0](features, True)
            return make[1](projection, True) if is_predicted else projection

        self.forward = hk.transform_with_state(heads)
        parameters, self.buffers = self.forward.init(
            jax.random.PRNGKey(0), jnp.zeros((BATCH, 16)), True)
        self.encoders = [Encoder(1), Encoder(1)]
        for suffix, encoder in zip(("", "_k"), self.encoders):
            encoder.fc = torch.nn.Identity()
            self.encoder(encoder, suffix)
            into = self.target if suffix else self.online
            for module, values in parameters.items():
                head, layer = module.split("/", 1)
                for part, value in values.items():
                    shape = value.shape[::-1] if part == "w" else value.shape[-1:]
                    if head == "projector" or not suffix:
                        key = f"{head}{suffix}.{LAYERS[layer]}.{PARTS[part]}"
                        into[key] = torch.zeros(shape)
        self.shapes = {m: {p: v.shape for p, v in values.items()}
                       for m, values in parameters.items()}
        self.fill("byol")
        self.memory = self.lars(0.0).init(self.tree(self.online))

    def lars(self, rate):
        n, left_out = self.numbers, self.optimizers.exclude_bias_and_norm
        return self.optimizers.lars(
            rate, weight_decay=n["weight_decay"], momentum=n["sgd_momentum"], eta=n["trust"],
            weight_decay_filter=left_out, lars_adaptation_filter=left_out)

    def heads(self, values, suffix=""):
        """The heads' numbers in haiku's form; a target is given the online predictor."""
        tree = {}
        for module, shapes in self.shapes.items():
            head, layer = module.split("/", 1)
            own = suffix if head == "projector" else ""
            tree[module] = {
                part: numbers(values[f"{head}{own}.{LAYERS[layer]}.{PARTS[part]}"].T
                              if part == "w" else
                              values[f"{head}{own}.{LAYERS[layer]}.{PARTS[part]}"]).reshape(shape)
                for part, shape in shapes.items()}
        return tree

    def tree(self, values):
        """All parameters as their optimiser wants them: two levels, biases called b."""
        tree = dict(self.heads(values))
        for key, value in values.items():
            if key.startswith("encoder."):
                module, part = key.rsplit(".", 1)
                part = {"weight": "w", "bias": "b"}.get(part, part)
                tree.setdefault(module, {})[part] = numbers(value)
        return tree

    @torch.no_grad()
    def take(self, tree):
        """Writes their parameters back."""
        for module, values in tree.items():
            for part, value in values.items():
                value = torch.from_numpy(np.array(value))
                if module in self.shapes:
                    head, layer = module.split("/", 1)
                    key = f"{head}.{LAYERS[layer]}.{PARTS[part]}"
                    value = value.T if part == "w" else value.flatten()
                else:
                    key = module + "." + {"w": "weight", "b": "bias"}.get(part, part)
                self.online[key].copy_(value)

    def step(self, t):
        n, at = self.numbers, jnp.asarray(t)
        online, target = self.encoders
        features = [online(view(name, t)) for name in ("view1", "view2")]
        with torch.no_grad():
            kept = [numbers(target(view(name, t))) for name in ("view1", "view2")]

        def run(parameters, x, is_predicted):
            return self.forward.apply(parameters, self.buffers, None, x, is_predicted)[0]

        targets = [run(self.heads(self.online | self.target, "_k"), x, False) for x in kept]

        def loss(parameters, first, second):
            loss = self.helpers.regression_loss(
                run(parameters, first, True), jax.lax.stop_gradient(targets[1]))
            loss = loss + self.helpers.regression_loss(
                run(parameters, second, True), jax.lax.stop_gradient(targets[0]))
            return jnp.mean(loss)

        before = self.heads(self.online)
        result, (of_heads, *of_features) = jax.value_and_grad(loss, (0, 1, 2))(
            before, *(numbers(f) for f in features))
        for parameter in online.parameters():
            parameter.grad = None
        torch.autograd.backward(
            features, [torch.from_numpy(np.array(g)) for g in of_features])
        gradients = {k: v.grad for k, v in self.online.items() if k.startswith("encoder.")}
        parameters = self.tree(self.online)
        tree = dict(of_heads) | {
            module: values for module, values in
            self.tree(self.online | gradients).items() if module not in self.shapes}
        norm = float(optax.global_norm(tree))
        # Their rate is for a batch of 256.
        rate = self.schedules.learning_schedule(at, 256, n["peak"], TOTAL, WARMUP)
        updates, self.memory = self.lars(rate).update(tree, self.memory, parameters)
        self.take(optax.apply_updates(parameters, updates))
        tau = float(self.schedules.target_ema(at, n["base_momentum"], TOTAL))
        with torch.no_grad():
            for key, x in self.target.items():
                y = self.online[key.replace("_k.", ".", 1)]
                x.copy_(x + (1 - tau) * (y - x))
        return dict(loss=float(result), learning_rate=float(rate), momentum=tau,
                    gradient_norm=norm, weight_decay=n["weight_decay"])
