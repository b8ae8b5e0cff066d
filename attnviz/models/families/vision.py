"""Models that read pictures: ViT (Dosovitskiy et al. 2020), DINOv2, and the vision sides of CLIP and SigLIP.

A picture is cut into square patches, each projected to a token; then come the layers of an encoder with the norm before
each sublayer. What differs between the families is what stands beside the patches, the positions and the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnviz.core.errors import InputError
from attnviz.core.types import Float32, Indexes
from attnviz.models.families.activations import activation, silu
from attnviz.models.families.base import NEEDLESS, ConfigKeys, LayerOutput, ModelShape, PatchLayout, Stack, StackSetup
from attnviz.models.families.config import LARGEST_COUNT, Configuration, equal_heads
from attnviz.models.families.layers import Linear, attention, heads_of, linear, take_layer_norm

# More patches than this are a damaged config's: their weights would not fit into memory.
_MOST_PATCHES = 16_384


class VisionNames(NamedTuple):
    """The names of a layer's tensors: that of the layer, with {} for its number, and what follows it."""

    layer: str
    attention_norm: str
    query: str
    key: str
    value: str
    output: str
    norm: str
    widen: str
    narrow: str


def side_lengths(config: Configuration, name: str, default: int) -> tuple[int, int]:
    """Return height and width, in pixels, that a config gives as one number or two."""
    value = config.get(name)
    pair = value if isinstance(value, list | tuple) else [value, value]
    if len(pair) != 2:
        raise InputError(
            "The model's config must give {name} as a number of pixels, or two of them, not {value!r}.",
            name=name,
            value=str(value)[:40],
        )
    height, width = (Configuration({name: one}).count(name, default=default, most=100_000) for one in pair)
    return height, width


class VisionStack(Stack):
    """Patches of a picture as tokens, then pre-norm layers (Dosovitskiy et al. 2020, equations 1 to 4).

    styles: how a layer's tensors may be called. patches, table: the names of the projection of patches and of the table
    of positions; patch_bias: whether the projection has a bias. class_token: the name of the vector of [CLS], None for
    none. before: the name of a norm before the layers, after: of the one after them. image_size, patch_size,
    default_epsilon: where the config is silent.
    """

    styles: ClassVar[tuple[VisionNames, ...]]
    patches: ClassVar[str] = "embeddings.patch_embeddings.projection"
    patch_bias: ClassVar[bool] = True
    table: ClassVar[str] = "embeddings.position_embeddings"
    class_token: ClassVar[str | None] = "embeddings.cls_token"
    before: ClassVar[str | None] = None
    after: ClassVar[str | None] = "layernorm"
    image_size: ClassVar[int] = 224
    patch_size: ClassVar[int] = 16
    default_epsilon: ClassVar[float] = 1e-12
    reads_pictures = True
    needless: ClassVar[tuple[str, ...]] = (*NEEDLESS, r"mask_token$")
    reads: ClassVar[tuple[str, ...]] = (
        "hidden_act",
        "image_size",
        "intermediate_size",
        "layer_norm_eps",
        "num_channels",
        "patch_size",
    )
    unread: ClassVar[tuple[str, ...]] = ("vocab_size", "tie_word_embeddings")
    harmless: ClassVar[Mapping[str, str]] = {
        "encoder_stride": "head",
        "pooler_act": "head",
        "pooler_output_size": "head",
        "projection_dim": "head",
        "initializer_factor": "training",
        "logit_scale_init_value": "training",
        "vision_use_head": "head",
    }
    fixed: ClassVar[Mapping[str, tuple[Any, ...]]] = {"num_channels": (3,)}

    def __init__(self, setup: StackSetup) -> None:
        super().__init__(setup)
        equal_heads(self.dim, self.heads)
        self.epsilon = self.config.number("layer_norm_eps", default=self.default_epsilon)
        name, default = self.keys.activation
        self.activation = activation(self.config.word(name, default=default))
        found = (one for one in self.styles if self.weights.find(f"{one.layer.format(0)}.{one.query}.weight"))
        self.names = next(found, self.styles[0])

    @classmethod
    def read_shape(cls, config: Configuration, family: str) -> ModelShape:
        """Return the model's size, from its config alone."""
        cls.table_grid(config)
        return ModelShape(
            family=family,
            layers=cls.size(config, "layers"),
            heads=cls.size(config, "heads"),
            dim=cls.size(config, "dim"),
            positions=None,
            causal=False,
            vocabulary=0,
        )

    @classmethod
    def table_grid(cls, config: Configuration) -> tuple[int, int]:
        """Return the rows and columns of patches that the table of positions was made for."""
        height, width = side_lengths(config, "image_size", cls.image_size)
        high, wide = side_lengths(config, "patch_size", cls.patch_size)
        rows, columns = height // high, width // wide
        if not 1 <= rows * columns <= _MOST_PATCHES:
            raise InputError(
                "The model's config gives pictures of {rows} x {columns} patches; at least 1 patch was expected and at "
                "most {most}.",
                rows=rows,
                columns=columns,
                most=_MOST_PATCHES,
            )
        return rows, columns

    @classmethod
    def special_tokens(cls, config: Configuration) -> tuple[str, ...]:  # noqa: ARG003
        """Return the names of the tokens that stand before the patches."""
        return ("[CLS]",) if cls.class_token else ()

    @classmethod
    def patch_layout(cls, config: Configuration, height: int, width: int) -> PatchLayout:
        """Return the tokens of a picture of this size; raises InputError for one that the model does not read."""
        own = side_lengths(config, "image_size", cls.image_size)
        if (height, width) != own:
            raise InputError(
                "The picture has {height} x {width} pixels after its preprocessing, and the model reads "
                "{rows} x {columns}.",
                hint="Look at size and crop_size in preprocessor_config.json.",
                height=height,
                width=width,
                rows=own[0],
                columns=own[1],
            )
        high, wide = side_lengths(config, "patch_size", cls.patch_size)
        rows, columns = cls.table_grid(config)
        return PatchLayout(cls.special_tokens(config), rows, columns, rows * high, columns * wide)

    def embed(self, ids: Indexes, segments: Indexes | None) -> Float32:  # noqa: ARG002
        """Return the tokens of the picture: special ones, then patches row by row, [n, dim]."""
        if self.pixels is None:
            raise InputError("A {family} model reads a picture, not a text.", family=self.shape.family)
        hidden = self.project(self.pixels)
        hidden += self.positions_of_patches(*self.pixels.shape[1:])
        if self.class_token is not None:
            hidden = np.concatenate([self.class_vector()[None], *self.registers(), hidden])
        if self.before is not None:
            hidden = take_layer_norm(self.weights, self.before, self.dim, hidden, self.epsilon)
        return hidden

    def project(self, pixels: Float32) -> Float32:
        """Return the projection of each patch of pixels [channels, height, width]: [rows x columns, dim]."""
        channels = len(pixels)
        high, wide = side_lengths(self.config, "patch_size", self.patch_size)
        rows, columns = pixels.shape[1] // high, pixels.shape[2] // wide
        cut = pixels[:, : rows * high, : columns * wide].reshape(channels, rows, high, columns, wide)
        flat = cut.transpose(1, 3, 0, 2, 4).reshape(rows * columns, -1)
        matrix = self.weights.take(f"{self.patches}.weight", shape=(self.dim, channels, high, wide))
        bias = self.weights.take(f"{self.patches}.bias", shape=(self.dim,)) if self.patch_bias else None
        return np.ascontiguousarray(Linear(matrix.reshape(self.dim, -1), bias)(flat))

    def class_vector(self) -> Float32:
        """Return the vector of [CLS] with its position, [dim]."""
        assert self.class_token is not None
        vector: Float32 = self.weights.take(self.class_token, shape=(1, 1, self.dim))[0, 0] + self.position_table()[0]
        return vector

    def registers(self) -> tuple[Float32, ...]:
        """Return what stands between [CLS] and the patches, [m, dim] each: nothing."""
        return ()

    def position_table(self) -> Float32:
        """Return the table of positions, that of [CLS] first where there is one: [positions, dim]."""
        rows, columns = self.table_grid(self.config)
        count = rows * columns + (self.class_token is not None)
        table: Float32 = self.weights.take(self.table, shape=(1, count, self.dim))[0]
        return table

    def positions_of_patches(self, height: int, width: int) -> Float32:  # noqa: ARG002
        """Return the vectors of the patches' positions in a picture of this size, [rows x columns, dim]."""
        table = self.position_table()
        return table[1:] if self.class_token is not None else table

    def forward_layer(self, number: int, hidden: Float32) -> LayerOutput:
        """Run norm, attention, residual; norm, feed-forward, residual on [n, dim]."""
        layer = self.names.layer.format(number)
        names = VisionNames(layer, *(f"{layer}.{part}" for part in self.names[1:]))
        normed = take_layer_norm(self.weights, names.attention_norm, self.dim, hidden, self.epsilon)
        bias = self.has_bias()
        query, key, value = (
            heads_of(linear(self.weights, name, self.dim, self.dim, bias=bias)(normed), self.heads)
            for name in (names.query, names.key, names.value)
        )
        output = self.scaled(f"{layer}.layer_scale1", linear(self.weights, names.output, self.dim, self.dim))
        trace = attention(normed, normed, query, key, value, output)
        hidden = hidden + trace.output
        normed = take_layer_norm(self.weights, names.norm, self.dim, hidden, self.epsilon)
        hidden += self.feed(names, normed)
        return LayerOutput(hidden, trace)

    def has_bias(self) -> bool:
        """Return whether the projections of queries, keys and values have a bias."""
        return True

    def scaled(self, name: str, layer: Linear) -> Linear:  # noqa: ARG002
        """Return a sublayer's last linear layer with what scales its output: nothing."""
        return layer

    def feed(self, names: VisionNames, hidden: Float32) -> Float32:
        """Return the feed-forward layer's output for hidden states [n, dim]."""
        wide = self.size(self.config, "intermediate_size")
        inner = self.activation(linear(self.weights, names.widen, self.dim, wide)(hidden))
        return linear(self.weights, names.narrow, wide, self.dim)(inner)

    def finish(self, hidden: Float32) -> Float32:
        """Return the last norm of hidden states [n, dim], where all tokens have one."""
        if self.after is None:
            return hidden
        return take_layer_norm(self.weights, self.after, self.dim, hidden, self.epsilon)

    def score(self, hidden: Float32) -> Float32:  # noqa: ARG002
        """Raise InputError: such a model has no words to score."""
        raise InputError("A {family} model reads pictures and gives no words.", family=self.shape.family)


_OLD = VisionNames(
    "encoder.layer.{}",
    "layernorm_before",
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
    "attention.output.dense",
    "layernorm_after",
    "intermediate.dense",
    "output.dense",
)
_NEW = VisionNames(
    "layers.{}",
    "layernorm_before",
    "attention.q_proj",
    "attention.k_proj",
    "attention.v_proj",
    "attention.o_proj",
    "layernorm_after",
    "mlp.fc1",
    "mlp.fc2",
)
_DINO = _OLD._replace(attention_norm="norm1", norm="norm2", widen="mlp.fc1", narrow="mlp.fc2")
_CLIP = VisionNames(
    "encoder.layers.{}",
    "layer_norm1",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.out_proj",
    "layer_norm2",
    "mlp.fc1",
    "mlp.fc2",
)


class Vit(VisionStack):
    """ViT: a learned table of positions, and [CLS] before the patches."""

    prefixes = ("", "vit.")
    styles = (_OLD, _NEW)
    reads: ClassVar[tuple[str, ...]] = ("qkv_bias",)

    def has_bias(self) -> bool:
        """Return whether the projections of queries, keys and values have a bias."""
        return self.config.flag("qkv_bias", True)


class Dinov2(Vit):
    """DINOv2 (Oquab et al. 2023): layer scale, a table of positions that is stretched to the picture, maybe SwiGLU.

    antialias: whether the table is smoothed where it is made smaller.
    """

    prefixes = ("", "dinov2.")
    styles = (_DINO, _NEW._replace(layer="encoder.layer.{}", attention_norm="norm1", norm="norm2"))
    patch_size = 14
    default_epsilon = 1e-6
    antialias: ClassVar[bool] = False
    reads: ClassVar[tuple[str, ...]] = ("mlp_ratio", "use_swiglu_ffn")
    unread: ClassVar[tuple[str, ...]] = ("intermediate_size",)
    harmless: ClassVar[Mapping[str, str]] = {
        **VisionStack.harmless,
        "apply_layernorm": "head",
        "drop_path_rate": "training",
        "layerscale_value": "training",
        "out_features": "head",
        "out_indices": "head",
        "reshape_hidden_states": "head",
        "stage_names": "head",
        "use_mask_token": "training",
    }

    @classmethod
    def patch_layout(cls, config: Configuration, height: int, width: int) -> PatchLayout:
        """Return the tokens of a picture of this size; raises InputError for one that is smaller than a patch."""
        high, wide = side_lengths(config, "patch_size", cls.patch_size)
        rows, columns = height // high, width // wide
        if not 1 <= rows * columns <= _MOST_PATCHES:
            raise InputError(
                "The picture has {height} x {width} pixels after its preprocessing, which are {rows} x {columns} "
                "patches; at least 1 patch was expected and at most {most}.",
                height=height,
                width=width,
                rows=rows,
                columns=columns,
                most=_MOST_PATCHES,
            )
        return PatchLayout(cls.special_tokens(config), rows, columns, rows * high, columns * wide)

    def positions_of_patches(self, height: int, width: int) -> Float32:
        """Return the table's vectors, stretched to the grid of a picture of another size: [rows x columns, dim]."""
        table = self.position_table()[1:]
        layout = self.patch_layout(self.config, height, width)
        if len(table) == layout.rows * layout.columns and height == width:
            return table
        side = round(len(table) ** 0.5)
        if side * side != len(table):
            raise InputError(
                "The model has {count} positions, which are no square, and the picture has {rows} x {columns} patches.",
                count=len(table),
                rows=layout.rows,
                columns=layout.columns,
            )
        down = resampling_matrix(side, layout.rows, antialias=self.antialias)
        across = resampling_matrix(side, layout.columns, antialias=self.antialias)
        grid = np.tensordot(down, table.reshape(side, side, -1), axes=(1, 0))
        stretched = np.einsum("cs,rsd->rcd", across, grid, optimize=True)
        return np.ascontiguousarray(stretched.reshape(-1, self.dim), dtype=np.float32)

    def scaled(self, name: str, layer: Linear) -> Linear:
        """Return a linear layer whose outputs are multiplied by the layer scale (Touvron et al. 2021, equation 4)."""
        scale = self.weights.take(f"{name}.lambda1", shape=(self.dim,))
        assert layer.bias is not None
        return Linear(scale[:, None] * layer.weight, scale * layer.bias)

    def feed(self, names: VisionNames, hidden: Float32) -> Float32:
        """Return the feed-forward layer's output, scaled, for hidden states [n, dim]; SwiGLU: Shazeer 2020."""
        wide = int(self.dim * self.config.number("mlp_ratio", default=4))
        if not 1 <= wide <= LARGEST_COUNT:
            raise InputError("The model's config gives feed-forward layers of {wide} units.", wide=wide)
        mlp = names.widen.removesuffix(".fc1")
        if not self.config.flag("use_swiglu_ffn", False):
            inner = self.activation(linear(self.weights, names.widen, self.dim, wide)(hidden))
            last = linear(self.weights, names.narrow, wide, self.dim)
        else:
            wide = (int(wide * 2 / 3) + 7) // 8 * 8
            if self.weights.find(f"{mlp}.weights_in.weight") is not None:
                both = linear(self.weights, f"{mlp}.weights_in", self.dim, 2 * wide)(hidden)
                gate, up, narrow = both[:, :wide], both[:, wide:], f"{mlp}.weights_out"
            else:
                gate = linear(self.weights, f"{mlp}.gate_proj", self.dim, wide)(hidden)
                up, narrow = linear(self.weights, f"{mlp}.up_proj", self.dim, wide)(hidden), f"{mlp}.down_proj"
            inner = silu(gate) * up
            last = linear(self.weights, narrow, wide, self.dim)
        return self.scaled(f"{names.layer}.layer_scale2", last)(inner)


class Dinov2WithRegisters(Dinov2):
    """DINOv2 with registers (Darcet et al. 2023): tokens of no patch between [CLS] and the patches."""

    prefixes = ("", "dinov2_with_registers.")
    patch_size = 16
    antialias = True
    reads: ClassVar[tuple[str, ...]] = ("num_register_tokens",)

    @classmethod
    def register_count(cls, config: Configuration) -> int:
        """Return the number of registers."""
        return config.count("num_register_tokens", default=4, least=0, most=1000)

    @classmethod
    def special_tokens(cls, config: Configuration) -> tuple[str, ...]:
        """Return the names of [CLS] and the registers."""
        return ("[CLS]", *(f"[REG{number}]" for number in range(1, cls.register_count(config) + 1)))

    def registers(self) -> tuple[Float32, ...]:
        """Return the registers, [m, dim]; they have no position."""
        count = self.register_count(self.config)
        return (self.weights.take("embeddings.register_tokens", shape=(1, count, self.dim))[0],)


class ClipVision(VisionStack):
    """CLIP's vision side (Radford et al. 2021): a norm before the layers; that after them is for [CLS] alone."""

    prefixes = ("", "vision_model.", "clip.vision_model.")
    keys = ConfigKeys(activation=("hidden_act", "quick_gelu"))
    styles = (_CLIP,)
    patches = "embeddings.patch_embedding"
    patch_bias: ClassVar[bool] = False
    table = "embeddings.position_embedding.weight"
    class_token: ClassVar[str | None] = "embeddings.class_embedding"
    before: ClassVar[str | None] = "pre_layrnorm"
    after: ClassVar[str | None] = None
    patch_size = 32
    default_epsilon = 1e-5

    def class_vector(self) -> Float32:
        """Return the vector of [CLS] with its position, [dim]."""
        assert self.class_token is not None
        vector: Float32 = self.weights.take(self.class_token, shape=(self.dim,)) + self.position_table()[0]
        return vector

    def position_table(self) -> Float32:
        """Return the table of positions, that of [CLS] first where there is one: [positions, dim]."""
        rows, columns = self.table_grid(self.config)
        count = rows * columns + (self.class_token is not None)
        return self.weights.take(self.table, shape=(count, self.dim))


class SiglipVision(ClipVision):
    """SigLIP's vision side (Zhai et al. 2023): patches alone, no [CLS]."""

    prefixes = ("", "vision_model.", "siglip.vision_model.")
    keys = ConfigKeys(activation=("hidden_act", "gelu_pytorch_tanh"))
    patch_bias = True
    class_token = None
    before = None
    after = "post_layernorm"
    patch_size = 16
    default_epsilon = 1e-6


def resampling_matrix(inputs: int, outputs: int, *, antialias: bool) -> Float32:
    """Return the weights [outputs, inputs] of bicubic resampling along one side, as torch's interpolate has them.

    (Keys 1981, equation 3.) a is -0.75, and -0.5 with antialias, where the kernel is widened to cover what is skipped.
    """
    scale = inputs / outputs
    matrix = np.zeros((outputs, inputs))
    stretch = max(scale, 1.0) if antialias else 1.0
    for row in range(outputs):
        centre = (row + 0.5) * scale
        if antialias:
            first = max(int(centre - 2 * stretch + 0.5), 0)
            places = np.arange(first, min(int(centre + 2 * stretch + 0.5), inputs))
        else:
            places = int(np.floor(centre - 0.5)) + np.arange(-1, 3)
        shares = _cubic((places + 0.5 - centre) / stretch, -0.5 if antialias else -0.75)
        np.add.at(matrix[row], np.clip(places, 0, inputs - 1), shares / shares.sum() if antialias else shares)
    return matrix.astype(np.float32)


def _cubic(distance: NDArray[np.floating], a: float) -> NDArray[np.floating]:
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    found: NDArray[np.floating] = np.where(x <= 1, near, np.where(x < 2, far, 0))
    return found
