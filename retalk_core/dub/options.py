"""What a user may choose for a dub; every default works for most footage."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..faces.choice import FaceChoice
from ..fields import check_options, option
from ..marks.choice import MarkChoice
from ..media.codecs import QUALITY, CodecChoice
from ..stages.options import PRESETS, Preset, Stages
from ..visemes.text.languages import AUTO, LANGUAGES

if TYPE_CHECKING:
    import numpy as np

    from ..media.clip import Clip
    from ..media.sound import SoundSource
    from ..provenance.finish import Records
    from ..types import FaceTrack

EngineName = Literal["auto", "retalk", "embedded"]
LongerVoice = Literal["bounce", "stretch", "hold", "loop", "cut_voice"]
ShorterVoice = Literal["keep_clip", "end_with_voice"]
Pauses = Literal["close", "keep_original"]
Smoothing = Literal["savgol", "none"]

FACES = {  # as the canvas offers them
    "largest": FaceChoice(),
    "1st from the left": FaceChoice("index", 0),
    "2nd from the left": FaceChoice("index", 1),
    "3rd from the left": FaceChoice("index", 2),
    "4th from the left": FaceChoice("index", 3),
}
MOST_SECONDS = (0.0, 1_000_000.0)  # that a widget takes


@dataclass(frozen=True)
class DubOptions:
    """Choices for `pipeline.dub`."""

    engine: EngineName = option(
        "auto",
        choices=get_args(EngineName),
        tip="auto: the best that the files here allow · retalk: the paper's networks, an error if a file is "
        "missing · embedded preview: needs no checkpoint, moves the clip's own mouth pictures; quick and "
        "rough. The report says what ran.",
        group="main",
        command_tip="auto: the best that the files here allow · retalk: the paper's networks, an error if a "
        "file is missing · embedded: a preview that needs no checkpoint, quick and rough.",
        on_face=True,
        widget_choices={"auto": "auto", "retalk": "retalk", "embedded preview": "embedded"},
    )
    preset: Preset = option(
        "paper",
        engine="retalk",
        choices=PRESETS,
        tip="Of the paper's networks. paper: neutralise, sync, enhance, restore the mouth · fast: without "
        "restoring · original: the reference is restored too, as the released program does.",
        group="main",
        on_face=True,
        widget_choices=("paper", "fast", "original"),
    )
    stages: Stages | None = None  # None: the preset's
    face: FaceChoice = option(  # the command line has the options of `FaceChoice`
        FACES["largest"],
        tip="Whose face, where several are in view; decided anew after each cut. For finer choices connect a "
        "face track from Detect Faces.",
        flag="",
        on_face=True,
        widget_choices=FACES,
    )
    track: FaceTrack | None = None  # of the clip's frames, all of them; None: the face is tracked here
    protect: np.ndarray | Clip | None = option(
        # (H, W) or (T, H, W) of any size, 1 where the clip must stay as it is; or a clip of such pictures
        None,
        kind="masks",
        keeps_pixels=True,
        tip="White where the clip must stay as it is, such as a hand before the mouth: a picture, or a video "
        "of as many frames as the clip; of any size.",
        group="made",
        widget="",
    )
    covers: bool = option(
        True,
        tip="Look for what lies before the mouth, and leave it as it is.",
        group="made",
        command_tip="Don't look for what lies before the mouth, such as a hand: edit as if it were free.",
        widget="",
    )
    longer: LongerVoice = option(
        "bounce",
        choices=get_args(LongerVoice),
        tip="What the picture does when the voice outlasts it. bounce: to and fro · stretch: slower, by at "
        "most 15 %, then to and fro · hold: the last frame stays · loop: from the start again · cut_voice: "
        "the voice ends with the picture.",
        flag="--voice-longer",
        group="time",
        on_face=True,
        widget="voice_longer",
    )
    shorter: ShorterVoice = option(
        "keep_clip",
        choices=get_args(ShorterVoice),
        tip="What happens when the picture outlasts the voice. keep_clip: the rest of the clip follows as it "
        "is · end_with_voice: the clip ends with the voice.",
        flag="--voice-shorter",
        group="time",
        on_face=True,
        widget="voice_shorter",
    )
    pauses: Pauses = option(
        "close",
        choices=get_args(Pauses),
        tip="While the voice rests. close: the mouth comes to rest · keep_original: pauses of half a second "
        "or more show the untouched frames.",
        group="time",
        on_face=True,
    )
    start: Fraction = option(
        Fraction(0),
        kind="seconds",
        tip="Seconds left out at the beginning of picture and voice.",
        group="time",
        on_face=True,
        widget_range=MOST_SECONDS,
    )
    duration: Fraction | None = option(
        None,
        kind="seconds",
        tip="Seconds of picture and voice that are used.",
        unset="all",
        group="time",
        on_face=True,
        widget_range=MOST_SECONDS,
        blank=0.0,
    )
    transcript: str = option(
        "",
        came_later=True,
        kind="transcript",
        engine="embedded",
        tip="What the voice says, for the embedded preview: plain text, or SRT or VTT with times. Lips then "
        "meet for every p, b and m.",
        unset="the mouth follows what is heard",
        command_tip="What the voice says, for the engine embedded: a file of plain text, or SRT or VTT with "
        "times. Lips then meet for every p, b and m.",
        group="main",
        on_face=True,
        blank="",
        placeholder="What the voice says",
    )
    language: str = option(
        AUTO,
        came_later=True,
        choices=(AUTO, *LANGUAGES),
        engine="embedded",
        tip="Of the transcript. auto: by its script and its commonest words.",
        group="main",
        on_face=True,
    )
    edit_only: tuple[tuple[Fraction, Fraction], ...] = option(  # start and end in the output
        (),
        kind="ranges",
        tip="Edit these parts of the result only, in seconds or minutes:seconds; every other frame stays as "
        "it is.",
        unset="everywhere",
        group="time",
        command_tip='Edit these parts of the result only, such as "0:01.5-0:03, 10-12"; every other frame '
        "stays as it is.",
        blank="",
        placeholder="0:01.5-0:03, 10-12",
        place=4,
    )
    constant_rate: Fraction | None = option(
        None,
        kind="rate",
        tip="A constant frame rate for the result.",
        unset="every frame keeps its time",
        flag="--fps",
        group="time",
        widget="frame_rate",
        widget_range=(0.0, 1000.0),
        blank=0.0,
        step=0.001,
        place=3,
    )
    deinterlace: bool = option(
        False,
        tip="One moment in each frame of an interlaced clip, which shows two.",
        group="made",
        widget="",
    )
    soundtrack: SoundSource | None = option(
        None,
        kind="path",
        keeps_pixels=True,
        tip="What the result shall sound like, such as the voice with music.",
        unset="the voice",
        group="time",
        widget="",  # a socket
    )
    smoothing: Smoothing = option(
        "savgol",
        choices=get_args(Smoothing),
        tip="Calm the face's landmarks over time, shot by shot.",
        group="face",
        widget="smooth",
        widget_choices={True: "savgol", False: "none"},
        place=6,
    )
    codec: CodecChoice = option(
        "auto",
        choices=get_args(CodecChoice),
        keeps_pixels=True,
        tip="auto: h264, or hevc for clips of more than 8 bit · h264: MP4 that plays everywhere · hevc: "
        "smaller, 10 bit that editing programs take · prores: MOV for editing · ffv1: lossless MKV. For Dub "
        "Video; keep prores and ffv1 with Save Dub.",
        command_tip="auto: h264, or hevc for clips of more than 8 bit · h264: a file that plays everywhere · "
        "hevc: smaller, 10 bit that editing programs take · prores: MOV for editing · ffv1: lossless MKV.",
        widget="encoder",
        place=1,
    )
    quality: int | None = option(
        None,
        kind="whole",
        low=0,
        high=51,
        keeps_pixels=True,
        tip="Of h264 and hevc: the constant rate factor. Lower is better and larger; 17 shows no loss.",
        unset=f"{QUALITY}",
        metavar="CRF",
        widget_default=QUALITY,
        place=2,
    )
    phones: bool | None = option(
        None,
        choices={"auto": None, "on": True, "off": False},
        engine="embedded",
        tip="For the embedded preview: recognise speech sounds with pocketsphinx, where it is installed.",
        widget="speech_sounds",
        place=7,
    )
    check: bool = option(
        True,
        keeps_pixels=True,
        tip="Look at the finished file again and report what it shows. Takes a tenth of the time.",
        command_tip="Don't look at the finished file again.",
        place=5,
    )
    batch: int | None = option(
        None,
        kind="whole",
        low=1,
        engine="retalk",
        tip="Pictures that a network sees at a time.",
        unset="as many as suit the device",
        group="computing",
        widget="batch_size",
        widget_range=(0, 256),
        blank=0,
        place=9,
    )
    work_dir: Path | None = option(
        None,
        kind="path",
        keeps_pixels=True,
        tip="Keep finished parts in this folder, so that a dub that was stopped goes on where it was.",
        group="computing",
        metavar="FOLDER",
        widget="resume",
        widget_default=True,
        widget_tip="Keep finished parts in ComfyUI's user folder, so that a dub that was stopped goes on "
        "where it was. For Dub Video with the paper's networks.",
        place=10,
    )
    work_limit: int = option(
        20_000_000_000,
        kind="gigabytes",
        keeps_pixels=True,
        tip="Gigabytes that such parts may take; the oldest go first.",
        group="computing",
        widget="resume_gb",
        widget_default=10.0,
        widget_range=(0.1, 10_000.0),
        step=0.1,
        place=11,
    )

    certificate: Path | None = option(
        None,
        kind="path",
        keeps_pixels=True,
        tip="Sign the result with this certificate: a PEM file with the chain and the private key.",
        unset="the one that RETALK_CERTIFICATE names, else the one that `retalk marks certificate` made, "
        "else none",
        metavar="PEM",
        widget="",  # a key has no place in a workflow
    )
    records: Records | None = option(  # of the host; None: as `open_records` finds them
        None,
        kind="path",
        keeps_pixels=True,
        tip="Where the dub is remembered and how it is signed.",
        flag="",
        widget="",
    )
    hardware: bool = option(
        False,
        came_later=True,
        keeps_pixels=True,
        tip="Let the graphics card encode h264 and hevc (NVIDIA, Intel, AMD, Apple): quicker, larger at the "
        "same quality, and not the same file on every machine. An error where none can.",
    )
    mouth_opening: float = option(
        1.0,
        came_later=True,
        low=0.5,
        high=1.5,
        engine="embedded",
        tip="How far the mouth opens, for the embedded preview. 1: as far as the speaker does.",
        command_tip="How far the mouth opens, for the engine embedded. 1: as far as the speaker does.",
        step=0.05,
    )
    voice_offset: int = option(
        0,
        came_later=True,
        low=-1000,
        high=1000,
        unit="milliseconds",
        tip="Milliseconds by which the mouth comes after the voice; below 0 before it.",
        group="time",
    )

    mark: MarkChoice = option(
        "off",  # as programs have it; the command and the nodes mark
        came_later=True,
        choices=get_args(MarkChoice),
        keeps_pixels=True,
        tip="Say in picture and sound that this is a dub, unseen and unheard. auto: on the face, inside the "
        "edit, where h264 or hevc is written, else not · face: always · frame: over the whole frame, so that "
        "every pixel changes a little · off. Anybody can find it: Detect Origin.",
        command_tip="Say in picture and sound that this is a dub, unseen and unheard. auto: on the face, "
        "inside the edit, where h264 or hevc is written, else not · face: always · frame: over the whole "
        "frame, so that every pixel changes a little · off. Anybody can find it: `retalk origin`.",
        command_default="auto",
        widget_default="auto",
    )
    mark_key: Path | None = option(
        None,
        kind="path",
        keeps_pixels=True,
        tip="A file of 16 bytes or more: who doesn't have it can't find the mark, nor lay one like it.",
        unset="the public key, under which anybody can do both",
        metavar="FILE",
        widget="",
    )

    mark_perth: bool = option(
        False,
        came_later=True,
        keeps_pixels=True,
        tip="Lay Perth's mark into the sound, too: other programs find it. It says no more than that the "
        "sound is synthetic, and changes it more. Needs the library resemble-perth.",
        widget="",
    )

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def chosen_stages(self) -> Stages:
        """The stages as they were asked for, or as the preset has them."""
        return self.stages or Stages.of(self.preset)
