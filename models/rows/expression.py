"""Networks that change an expression, and the expressions that they are given."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, Loader, Network
from .sources import UNSTATED, of_the_paper

EXPRESSION: tuple[Entry, ...] = (
    Network(
        key="dnet",
        title="D-Net",
        role="neutralises the expression",
        tip="D-Net: neutralises the expression.",
        licence="none stated; its ancestor PIRenderer is CC BY-NC 4.0 (no commercial use)",
        stage="expression",
        files=(of_the_paper("DNet.pt", known="about 180 MB; no hash is published"),),
        telltales={
            "mapping_net.first.0.weight": (256, 73, 7),
            "warpping_net.flow_out.2.weight": (2, 256, 7, 7),
            "editing_net.encoder.first.model.0.weight": (64, 6, 7, 7),
            "editing_net.decoder.final.model.0.weight": (3, 64, 7, 7),
        },
        cost=Cost(once=100, picture=110, most=4),
        build=Builder("expression.dnet", "DNet"),
        loader=Loader(
            "DNet",
            "Load D-Net (expression)",
            "Loads D-Net, which neutralises the expression.",
            ("dnet", "pirenderer"),
        ),
    ),
    Network(
        key="ganimation",
        title="GANimation",
        role="edits the upper face",
        tip="GANimation: moves the upper face.",
        licence=UNSTATED,
        stage="upper face",
        files=(
            of_the_paper(
                "30_net_gen.pth", "4db83e1727128e2c5de27bc80d2929586535e04a709af45016a63e7cf7c46b0c"
            ),
        ),
        telltales={
            "model.0.weight": (64, 20, 7, 7),
            "model.9.conv_block.0.weight": (256, 256, 3, 3),
            "color_top.0.weight": (3, 64, 7, 7),
            "au_top.0.weight": (1, 64, 7, 7),
        },
        cost=Cost(once=20, picture=25, most=4),
        build=Builder("expression.ganimation", "Ganimation"),
        loader=Loader(
            "Ganimation",
            "Load GANimation",
            "Loads GANimation, which moves the upper face.",
            ("ganimation", "emotion"),
        ),
    ),
    Entry(
        key="expression",
        title="Expression templates",
        role="hold the calm and the smiling expression",
        tip="The calm and the smiling expression.",
        licence="CC BY-NC 4.0 (PIRenderer; no commercial use)",
        files=(
            of_the_paper(
                "expression.mat",
                "93e9d69eb46e866ed5cbb569ed2bdb3813254720fb0cb745d5b56181faf9aec5",
                1456,
                known="the hash is that of PIRenderer's file",
            ),
        ),
    ),
)
