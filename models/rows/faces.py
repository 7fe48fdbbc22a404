"""Networks that find and read faces."""

from __future__ import annotations

from ..network import Builder, Cost, Entry, File, Loader, Network, Stranger
from .sources import FACEXLIB, PAPER, UNSTATED, of_the_paper

PARSER_LOADER = Loader(
    "Parser",
    "Load Face Parser",
    "Loads ParseNet or BiSeNet, which mark a face's parts.",
    ("parsenet", "bisenet", "face parsing"),
)

FACES: tuple[Entry, ...] = (
    Network(
        key="face3d",
        title="3DMM regressor",
        role="reads head pose and expression off a face",
        tip="3DMM regressor: reads pose and expression.",
        licence=UNSTATED,
        stage="coefficients",
        files=(
            of_the_paper(
                "face3d_pretrain_epoch_20.pth",
                "6d17a6b23457b521801baae583cb6a58f7238fe6721fc3d65d76407460e9149b",
                288_860_037,
            ),
        ),
        telltales={
            "backbone.conv1.weight": (64, 3, 7, 7),
            "final_layers.0.weight": (80, 2048, 1, 1),
            "final_layers.4.weight": (27, 2048, 1, 1),
            "final_layers.6.bias": (1,),
        },
        cost=Cost(once=40, picture=16, most=4),
        measures=True,
        build=Builder("faces.face3d", "Face3D"),
        loader=Loader(
            "Face3D",
            "Load 3DMM Regressor",
            "Loads the network that reads a 3D morphable model's coefficients off a face.",
            ("face3d", "deep3d", "3dmm"),
        ),
    ),
    Network(
        key="parsenet",
        title="ParseNet",
        role="marks the mouth and the face's parts",
        tip="Face parser: marks the mouth.",
        licence="MIT (facexlib)",
        stage="parse",
        place="parser",
        place_title="Face parser",
        files=(
            File(
                "parsing_parsenet.pth",
                (f"{FACEXLIB}/v0.2.2/parsing_parsenet.pth", f"{PAPER}/ParseNet-latest.pth"),
                "3d558d8d0e42c20224f13cf5a29c79eba2d59913419f945545d8cf7b72920de2",
                85_331_193,
                also=("ParseNet-latest.pth",),
            ),
        ),
        telltales={
            "encoder.0.conv2d.weight": (64, 3, 3, 3),
            "body.9.conv2.norm.norm.weight": (256,),
            "out_img_conv.conv2d.weight": (3, 64, 3, 3),
            "out_mask_conv.conv2d.weight": (19, 64, 3, 3),
        },
        cost=Cost(once=130, picture=370, most=1),
        build=Builder("faces.parsing", "ParseNet", "PARSENET"),
        loader=PARSER_LOADER,
    ),
    Network(
        key="bisenet",
        title="BiSeNet",
        role="marks the face's parts with less work",
        licence="MIT (facexlib)",
        stage="parse",
        place="parser",
        files=(
            File(
                "parsing_bisenet.pth",
                (f"{FACEXLIB}/v0.2.0/parsing_bisenet.pth",),
                "468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
                53_289_463,
            ),
        ),
        telltales={
            "cp.resnet.conv1.weight": (64, 3, 7, 7),
            "cp.arm16.conv.conv.weight": (128, 256, 3, 3),
            "ffm.convblk.conv.weight": (256, 256, 1, 1),
            "conv_out.conv_out.weight": (19, 256, 1, 1),
        },
        cost=Cost(once=20, picture=55, most=1),
        build=Builder("faces.parsing", "BiSeNet", "BISENET"),
        loader=PARSER_LOADER,
    ),
    Network(
        key="retinaface",
        title="RetinaFace (ResNet-50)",
        role="finds faces as the original program does",
        licence="MIT",
        stage="face boxes",
        files=(
            File(
                "detection_Resnet50_Final.pth",
                (f"{FACEXLIB}/v0.1.0/detection_Resnet50_Final.pth", f"{PAPER}/RetinaFace-R50.pth"),
                "6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d",
                109_497_761,
                also=("RetinaFace-R50.pth",),
            ),
        ),
        telltales={
            "body.conv1.weight": (64, 3, 7, 7),
            "fpn.output1.0.weight": (256, 512, 1, 1),
            "BboxHead.0.conv1x1.weight": (8, 256, 1, 1),
            "LandmarkHead.2.conv1x1.weight": (20, 256, 1, 1),
        },
        cost=Cost(once=95, picture=110, most=1),  # for a picture of 640x640; others in proportion
        measures=True,
        build=Builder("faces.retinaface", "RetinaFace"),
    ),
    Network(
        key="s3fd",
        title="S3FD",
        role="frames faces exactly as the original program does",
        licence="not stated",
        stage="face boxes",
        files=(
            File(
                "s3fd-619a316812.pth",
                sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
                size=89_843_225,
                also=("s3fd.pth",),
                known="the face detector of the face_alignment package",
            ),
        ),
        telltales={
            "conv1_1.weight": (64, 3, 3, 3),
            "fc6.weight": (1024, 512, 3, 3),
            "conv3_3_norm.weight": (256,),
            "conv7_2_mbox_loc.weight": (4, 256, 3, 3),
        },
        cost=Cost(once=0, picture=1010, most=1),  # for a frame of 1920x1080; others in proportion
        measures=True,
        build=Builder("faces.s3fd", "S3FD"),
    ),
)
STRANGERS = (
    Stranger(
        "retinaface_mobilenet",
        "RetinaFace (MobileNet)",
        {
            "body.stage1.0.0.weight": (8, 3, 3, 3),
            "fpn.output1.0.weight": (64, 64, 1, 1),
            "BboxHead.0.conv1x1.weight": (8, 64, 1, 1),
            "LandmarkHead.2.conv1x1.weight": (20, 64, 1, 1),
        },
    ),
)
