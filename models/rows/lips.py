"""Networks that draw lips, and the one that redraws their faces sharply."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, File, Loader, Network, Stranger
from .pcavs import PCAVS
from .sources import TRAINED_ON_LRS2, UNSTATED, of_the_paper

LIPS: tuple[Entry, ...] = (
    Network(
        key="lnet",
        title="L-Net",
        role="draws lips that follow the voice",
        tip="L-Net: draws lips that follow the voice.",
        licence=UNSTATED,
        stage="lips",
        files=(of_the_paper("LNet.pth", "7ae06fef0454c421b828cc53e8d4b9c92d990867a858ea7bb9661ab6cf6ab774"),),
        telltales={
            "encoder.first_inp.model.0.bias": (64,),
            "encoder.ca2.layers.0.0.fn.to_q.weight": (256, 512),
            "decoder.res0.res0.conv1.ffc.convl2l.weight": (32, 32, 3, 3),
            "decoder.final.model.0.bias": (3,),
        },
        cost=Cost(once=600, picture=40, most=8),
        build=Builder("lips.lnet", "LNet"),
        loader=Loader(
            "LNet",
            "Load L-Net",
            "Loads L-Net, which draws lips that follow a voice.",
            ("lnet", "lips"),
        ),
    ),
    Network(
        key="enet",
        title="E-Net",
        role="enhances the synced face and keeps its identity",
        tip="E-Net: redraws the face sharply.",
        licence=UNSTATED,
        stage="enhance",
        files=(of_the_paper("ENet.pth", "967ee3ed857619cedd92b6407dc8a124cbfe763cc11cad58316fe21271a8928f"),),
        telltales={
            "conv_body_first.weight": (256, 3, 1, 1),
            "final_linear.weight": (512, 8192),
            "style_convs.0.modulated_conv.weight": (1, 256, 3, 3, 3),
            "to_rgbs.1.modulated_conv.weight": (1, 3, 128, 1, 1),
        },
        cost=Cost(once=630, picture=3, most=8),
        build=Builder("lips.enet", "ENet"),
        loader=Loader(
            "ENet",
            "Load E-Net (enhance)",
            "Loads E-Net, which redraws a synced face sharply.",
            ("enet", "enhance"),
        ),
    ),
    Network(
        key="wav2lip",
        title="Wav2Lip without GAN",
        role="draws lips that follow the voice, in the place of L-Net",
        licence=TRAINED_ON_LRS2,
        stage="lips",
        files=(
            File(
                "wav2lip.pth",
                sha256="b78b681b68ad9fe6c6fb1debc6ff43ad05834a8af8a62ffc4167b7b34ef63c37",
                size=435_807_851,
                known="trained without a discriminator: truer to the voice",
            ),
            File("Wav2Lip-SD-NOGAN.pt", known="trained without a discriminator: truer to the voice"),
        ),
        telltales={
            "face_encoder_blocks.0.0.conv_block.0.weight": (16, 6, 7, 7),
            "face_decoder_blocks.3.0.conv_block.0.weight": (768, 384, 3, 3),
            "output_block.0.conv_block.0.weight": (32, 80, 3, 3),
        },
        cost=Cost(once=20, picture=17, most=8),
        build=Builder("lips.wav2lip", "Wav2Lip"),
    ),
    Network(
        key="wav2lip_gan",
        title="Wav2Lip with GAN",
        role="draws lips that follow the voice, in the place of L-Net",
        licence=TRAINED_ON_LRS2,
        stage="lips",
        edition_of="wav2lip",
        files=(
            File(
                "wav2lip_gan.pth",
                sha256="ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8",
                size=435_801_865,
                known="trained with a discriminator: sharper",
            ),
            File(
                "Wav2Lip-SD-GAN.pt",
                sha256="180cfd49d31d47f195d5bfc62830ffe2c40724b7bbbce6faadc73ac6ab1a3b8e",
                size=145_829_145,
                known="trained with a discriminator: sharper",
            ),
        ),
        cost=Cost(once=20, picture=17, most=8),
        build=Builder("lips.wav2lip", "Wav2Lip"),
    ),
    Network(
        key="lipgan",
        title="LipGAN",
        role="draws lips that follow the voice, in the place of L-Net",
        licence="code MIT, of the weights nothing stated (trained on LRS2): personal use and research",
        stage="lips",
        files=(
            File(
                "lipgan_residual_mel.h5",
                known="Keras 2.2, about 200 MB or three times that; no size and no hash is published",
            ),
        ),
        telltales={  # as `formats/keras.py` names them; the MFCC edition has another encoder of speech
            "conv2d_1.weight": (32, 6, 7, 7),
            "conv2d_27.weight": (32, 1, 3, 3),
            "conv2d_transpose_1.weight": (1024, 512, 3, 3),
            "conv2d_67.weight": (3, 16, 1, 1),
        },
        cost=Cost(once=35, picture=16, most=8),
        build=Builder("lips.lipgan", "LipGAN"),
    ),
    *PCAVS,
)

OTHER_EDITIONS = (
    Stranger(
        "lipgan_mfcc",
        "LipGAN's edition for MFCC",
        {"conv2d_*.weight": (128, 1, 3, 3)},  # its first look at speech
        "It hears speech by MFCC, which isn't made here: choose lipgan_residual_mel.h5, the edition for mel "
        "spectrograms.",
    ),
)
