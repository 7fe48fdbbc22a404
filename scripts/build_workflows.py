"""Write workflows/, workflows/api/ and subgraphs/ from the descriptions below.

python scripts/build_workflows.py           writes the files
python scripts/build_workflows.py --check   says which of them are not as described

Each workflow is a function that adds nodes to a graph, in the order of reading. Where they stand, how wires
run and what the two JSON forms look like is worked out from that. Needs no ComfyUI: the nodes' own schemas
are read beside the tests' stand-in for it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from workflow_blueprint import blueprint_form
from workflow_graph import Graph, Node, Output, api_form
from workflow_layout import editor_form
from workflow_nodes import ROOT, interfaces

# Parts that several workflows share


def open_clip(graph: Graph) -> Node:
    """A clip's frames and a voice, as long as each other; returns Fit Length."""
    clip = graph.add("ReTalkDemoClip")
    graph.column()
    parts = graph.add("GetVideoComponents", video=clip)
    voice = graph.add("ReTalkDemoVoice")
    graph.column()
    return graph.add("ReTalkFitLength", images=parts["images"], voice=voice, fps=parts["fps"])


def listen_and_look(graph: Graph, fitted: Node) -> tuple[Node, Node]:
    """The face's track and what is said; returns Detect Faces and Audio to Mel."""
    track = graph.add("ReTalkDetectFaces", clip=fitted["images"], fps=fitted["fps"])
    mel = graph.add("ReTalkAudioToMel", voice=fitted["voice"], frames=fitted["frames"], fps=fitted["fps"])
    return track, mel


def cut_portraits(graph: Graph, images: Output, track: Node) -> Node:
    """The framing for Fit 3DMM and D-Net, beside the regressor's loader; returns Crop Faces."""
    return graph.add("ReTalkCropFaces", "Crop Portraits", images=images, face_track=track, framing="portrait")


def neutralise(
    graph: Graph,
    portraits: Node,
    face3d: Node,
    track: Node,
    faces: Output | None = None,
    template: str = "neutral",
) -> Node:
    """Two columns: read coefficients, give every face one expression; returns the redrawn portraits.

    faces: to redraw, where they aren't the portraits as they were cut
    """
    fitted = graph.add(
        "ReTalkFit3DMM",
        faces=portraits["faces"],
        face_crops=portraits["face_crops"],
        face_track=track,
        face3d=face3d,
    )
    expression = graph.add("ReTalkExpression", template=template)
    dnet = graph.add("ReTalkLoadDNet")
    graph.column()
    return graph.add(
        "ReTalkNeutraliseExpression",
        faces=faces or portraits["faces"],
        coefficients=fitted,
        expression=expression,
        dnet=dnet,
    )


def redraw_lips(graph: Graph, neutral: Node, portraits: Node, close: Node, mel: Node) -> Node:
    """Three columns: the reference in the face framing, L-Net, E-Net; returns Enhance Identity."""
    graph.column()
    reference = graph.add(
        "ReTalkReframeFaces",
        "Reference in the Face Framing",
        faces=neutral,
        crops_from=portraits["face_crops"],
        crops_to=close["face_crops"],
        base=close["faces"],
    )
    lnet = graph.add("ReTalkLoadLNet")
    graph.column()
    synced = graph.add(
        "ReTalkLipSync", faces=close["faces"], reference=reference["faces"], mel_windows=mel, lnet=lnet
    )
    enet = graph.add("ReTalkLoadENet")
    graph.column()
    return graph.add("ReTalkEnhanceIdentity", synced=synced, reference=reference["faces"], enet=enet)


def put_side_by_side(graph: Graph, titles: tuple[str, str], pictures: Sequence[Output]) -> Node:
    """Two columns: four pictures in two rows, and those below each other; returns the stitch of both.

    titles: of the stitches that are the rows
    """
    rows = [
        graph.add("ImageStitch", title, image1=pictures[2 * row], image2=pictures[2 * row + 1])
        for row, title in enumerate(titles)
    ]
    graph.column()
    return graph.add("ImageStitch", "One Below the Other", image1=rows[0], image2=rows[1], direction="down")


def save_video(graph: Graph, images: Output, voice: Output, fps: Output, prefix: str) -> Node:
    """Two columns: frames and sound as a video, and its file."""
    video = graph.add("CreateVideo", images=images, audio=voice, fps=fps)
    graph.column()
    return graph.add("SaveVideo", video=video, filename_prefix=prefix)


def show_results(graph: Graph, dub: Node, prefix: str) -> None:
    """Three columns: the file, what was measured, what was said of it."""
    graph.add("ReTalkSaveDub", video=dub["video"], filename_prefix=prefix)
    graph.add("PreviewAny", "Report", source=dub["report"])
    graph.column()
    graph.add("PreviewImage", "Chart", images=dub["chart"])
    graph.add("PreviewImage", "Mouths, Before and After", images=dub["sheet"])


def as_app(graph: Graph, clip: Node, voice: Node, dub: Node) -> None:
    """What the editor asks for and shows where it hides the graph."""
    graph.asked += [(clip, "file"), (voice, "file")]
    graph.asked += [(dub, name) for name in ("face", "engine", "voice_longer", "pauses")]
    graph.shown += [node for node in graph.nodes if node.type in ("ReTalkSaveDub", "PreviewAny")]


def paper_stages(graph: Graph, fitted: Node) -> Output:
    """The paper's pipeline, node by node, below and beside Fit Length; returns the finished frames."""
    images = fitted["images"]
    with graph.group("2 · Follow the face, hear the voice", "face"):
        track, mel = listen_and_look(graph, fitted)
    with graph.group("3 · D-Net: a calm face", "expression"):
        portraits = cut_portraits(graph, images, track)
        face3d = graph.add("ReTalkLoadFace3D")
        graph.column()
        neutral = neutralise(graph, portraits, face3d, track)
    graph.line()
    with graph.group("4 · L-Net and E-Net: lips", "lips"):
        close = graph.add("ReTalkCropFaces", "Crop Faces", images=images, face_track=track, framing="face")
        redrawn = redraw_lips(graph, neutral, portraits, close, mel)
        graph.column()
        pasted = graph.add(
            "ReTalkPasteBack",
            frames=images,
            faces=redrawn,
            face_crops=close["face_crops"],
            region="lower face",
        )
    graph.line()
    with graph.group("5 · Restore the mouth", "restore"):
        aligned = graph.add(
            "ReTalkCropFaces", "Crop Aligned Faces", images=pasted["frames"], face_track=track, framing="ffhq"
        )
        restorer = graph.add("ReTalkLoadRestorer")
        graph.column()
        restored = graph.add("ReTalkRestoreFace", faces=aligned["faces"], restorer=restorer)
        graph.column()
        shown = graph.add(
            "ReTalkReframeFaces",
            "Forehead to Chin, for the Parser",
            faces=restored,
            crops_from=aligned["face_crops"],
            crops_to=close["face_crops"],
            size=512,
        )
        parser = graph.add("ReTalkLoadParser")
        graph.column()
        mouth = graph.add("ReTalkParseFace", faces=shown["faces"], parser=parser, region="mouth")
        graph.column()
        mask = graph.add(
            "ReTalkReframeFaces",
            "Mouth Mask in the Aligned Framing",
            faces=shown["faces"],
            crops_from=close["face_crops"],
            crops_to=aligned["face_crops"],
            mask=mouth,
        )
        graph.column()
        finished = graph.add(
            "ReTalkPasteBack",
            "Paste Back the Mouth",
            frames=pasted["frames"],
            faces=restored,
            face_crops=aligned["face_crops"],
            mask=mask["mask"],
        )
    return finished["frames"]


# Workflows


def quick_dub(graph: Graph) -> None:
    with graph.group("1 · Your clip and the new voice", "input"):
        graph.note(
            "Start here",
            """
            Press **Run**: the clip and the voice that ship are dubbed. For your own choose them
            in `file`, or put *Load Video* and *LoadAudio* in their place.

            No checkpoint is needed: with `engine` on *auto* the best engine is used that the
            files in `models/retalk` allow, and the quick preview where there are none. The
            report says what ran. *Get ReTalk Models* fetches the paper's networks.

            Re-voice people only with their consent.
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        voice = graph.add("ReTalkDemoVoice")
    with graph.group("2 · Dub", "lips"):
        dub = graph.add("ReTalkDubVideo", video=clip, voice=voice)
    with graph.group("3 · The result", "output"):
        show_results(graph, dub, "video/retalk")
    as_app(graph, clip, voice, dub)


def paper_stage_by_stage(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "The paper's pipeline, node by node",
            """
            Every stage of VideoReTalking as a node of its own; the pictures equal those of *Dub
            Frames* with the preset *paper*.

            Pixels travel as IMAGE: any image node fits between two stages. All frames are in
            memory: for long clips use *Dub Video*.

            *Get ReTalk Models* fetches the files.
            """,
        )
        fitted = open_clip(graph)
    frames = paper_stages(graph, fitted)
    with graph.group("6 · Video", "output"):
        save_video(graph, frames, fitted["voice"], fitted["fps"], "video/retalk_stages")


def dub_frames_vhs(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "With VideoHelperSuite",
            """
            Needs the pack *ComfyUI-VideoHelperSuite*.

            `video_info` tells *Dub Frames* the frame rate that was loaded, and its `fps` goes
            on to *Video Combine*: nobody has to type a rate.

            VideoHelperSuite's meta batches are not supported: a face has to be followed through
            the whole clip. For long clips use *Dub Video*.
            """,
        )
        clip = graph.add("VHS_LoadVideo", video="clip.mp4")
        voice = graph.add("ReTalkDemoVoice")
    with graph.group("2 · Dub", "lips"):
        dub = graph.add("ReTalkDubFrames", images=clip["IMAGE"], voice=voice, video_info=clip["video_info"])
    with graph.group("3 · The result", "output"):
        graph.add("VHS_VideoCombine", images=dub["images"], audio=dub["audio"], frame_rate=dub["fps"])
        graph.add("PreviewAny", "Report", source=dub["report"])


def two_speakers(graph: Graph) -> None:
    with graph.group("1 · Clip and voices", "input"):
        graph.note(
            "Two people who take turns",
            """
            Choose a clip with two people, and for each of them a recording of the whole scene that
            is silent while the other one talks.

            The first dub moves the lips of the person on the left, the second those of the next
            one; `pauses` on *keep_original* leaves each face alone while it listens. Both
            voices together are the soundtrack.
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        left = graph.add("ReTalkDemoVoice", "Voice of the Person on the Left")
        right = graph.add("ReTalkDemoVoice", "Voice of the Person on the Right")
    with graph.group("2 · The left one speaks", "lips"):
        options = graph.add("ReTalkDubOptions", "Lossless in Between", encoder="ffv1", check=False)
        graph.column()
        first = graph.add(
            "ReTalkDubVideo",
            "Dub the Left One",
            video=clip,
            voice=left,
            options=options,
            face="1st from the left",
            pauses="keep_original",
        )
    with graph.group("3 · The right one speaks", "lips"):
        both = graph.add("AudioMerge", "Both Voices", audio1=left, audio2=right)
        graph.column()
        second = graph.add(
            "ReTalkDubVideo",
            "Dub the Right One",
            video=first["video"],
            voice=right,
            soundtrack=both,
            face="2nd from the left",
            pauses="keep_original",
        )
    with graph.group("4 · The result", "output"):
        graph.add("ReTalkSaveDub", video=second["video"], filename_prefix="video/retalk_two")
        graph.column()
        graph.add("PreviewAny", "Report on the Left One", source=first["report"])
        graph.add("PreviewAny", "Report on the Right One", source=second["report"])


def other_lips_our_finish(graph: Graph) -> None:
    with graph.group("1 · Both clips", "input"):
        graph.note(
            "Another engine's lips, this pack's finish",
            """
            Choose the original clip and the same clip with lips by any other engine, frame for
            frame.

            One face track cuts the same crops out of both; only the mouth of the other clip is
            blended in, and everything outside stays the original, bit for bit.
            """,
        )
        ours = graph.add("ReTalkDemoClip", "Original Clip")
        other = graph.add("ReTalkDemoClip", "Clip with Other Lips")
        graph.column()
        before = graph.add("GetVideoComponents", "Original Frames", video=ours)
        after = graph.add("GetVideoComponents", "Frames with Other Lips", video=other)
    with graph.group("2 · One track for both", "face"):
        track = graph.add("ReTalkDetectFaces", clip=before["images"], fps=before["fps"])
        graph.column()
        base = graph.add("ReTalkCropFaces", "Original Faces", images=before["images"], face_track=track)
        layer = graph.add(
            "ReTalkCropFaces", "Faces with Other Lips", images=after["images"], face_track=track
        )
        mask = graph.add("SolidMask", width=384, height=384)
        graph.column()
        soft = graph.add("FeatherMask", "Mouth and Chin", mask=mask, left=72, top=240, right=72, bottom=24)
    with graph.group("3 · Blend and paste back", "blend"):
        blended = graph.add(
            "ReTalkLaplacianBlend", base=base["faces"], layer=layer["faces"], mask=soft, colour_match=1.0
        )
        graph.column()
        pasted = graph.add(
            "ReTalkPasteBack",
            frames=before["images"],
            faces=blended["image"],
            face_crops=base["face_crops"],
            region="lower face",
        )
    with graph.group("4 · Video", "output"):
        save_video(graph, pasted["frames"], after["audio"], before["fps"], "video/retalk_finish")


def four_pairs_of_lips(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "Who draws the lips",
            """
            The same frames, track, voice and blend, with lips by L-Net, Wav2Lip, LipGAN and
            PC-AVS, without D-Net and E-Net: each sees the frame itself as its reference.

            The files of the last three are fetched by hand, and are for personal use and
            research only: *Check Models* says what they are called.
            """,
        )
        fitted = open_clip(graph)
    images = fitted["images"]
    with graph.group("2 · One track for all", "face"):
        track = graph.add("ReTalkDetectFaces", clip=images, fps=fitted["fps"])
        graph.column()
        close = graph.add("ReTalkCropFaces", "Crop Faces", images=images, face_track=track, framing="face")
        small = graph.add(
            "ReTalkCropFaces",
            "Crop as Wav2Lip Does",
            images=images,
            face_track=track,
            framing="face",
            size=96,
            plain=True,
        )
        heads = graph.add(
            "ReTalkCropFaces", "Crop Heads for PC-AVS", images=images, face_track=track, framing="pcavs"
        )
    graph.line()
    with graph.group("3 · Four pairs of lips", "lips"):
        who = (
            ("lnet", "L-Net", close),
            ("wav2lip_gan", "Wav2Lip", small),
            ("lipgan", "LipGAN", small),
            ("pcavs", "PC-AVS", heads),
        )
        loaded = [graph.add("ReTalkLoadLips", f"Load {title}", lips=word) for word, title, _ in who]
        graph.column()
        drawn = [
            graph.add(
                "ReTalkLipSync",
                f"{title} Draws",
                faces=crops["faces"],
                reference=crops["faces"],
                lnet=lips["lips"],
                voice=fitted["voice"],
                face_track=track,
            )
            for lips, (_, title, crops) in zip(loaded, who, strict=True)
        ]
        graph.column()
        pasted = [
            graph.add(
                "ReTalkPasteBack",
                f"Paste Back {title}",
                frames=images,
                faces=lips["synced"],
                face_crops=crops["face_crops"],
                region="lower face",
            )
            for lips, (_, title, crops) in zip(drawn, who, strict=True)
        ]
    with graph.group("4 · Side by side", "blend"):
        titles = ("L-Net | Wav2Lip", "LipGAN | PC-AVS")
        both = put_side_by_side(graph, titles, [each["frames"] for each in pasted])
    with graph.group("5 · Video", "output"):
        save_video(graph, both["IMAGE"], fitted["voice"], fitted["fps"], "video/retalk_four_lips")


def repair_by_hand(graph: Graph) -> None:
    with graph.group("1 · Clip, voice and a mask", "input"):
        graph.note(
            "Repairing a bad face by hand",
            """
            Run the left part first and look at the track. Then give *Edit Track* the times
            where it is wrong: **interpolate** bridges a bad stretch, **skip** leaves frames as
            they are.

            A mask protects what lies before the face, a hand or a microphone: put *Load Image*
            with one frame in the place of *Protects Nothing Yet*, open it in the mask editor and
            paint over it. It counts for all frames.
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        voice = graph.add("ReTalkDemoVoice")
        mask = graph.add("SolidMask", "Protects Nothing Yet", value=0.0)
    with graph.group("2 · Look at the track", "face"):
        track = graph.add("ReTalkDetectFaces", clip=clip)
        graph.column()
        overlay = graph.add("ReTalkPreviewTrack", clip=clip, face_track=track)
        bridged = graph.add(
            "ReTalkEditTrack",
            "Bridge a Bad Stretch",
            face_track=track,
            action="interpolate",
            ranges="0:00.40-0:00.60",
        )
        graph.column()
        graph.add("SaveVideo", "Save the Track's Video", video=overlay, filename_prefix="video/retalk_track")
        edited = graph.add(
            "ReTalkEditTrack",
            "Leave Frames Alone",
            face_track=bridged,
            action="skip",
            ranges="0:00.80-0:00.92",
        )
    with graph.group("3 · Dub with the corrected track", "lips"):
        dub = graph.add("ReTalkDubVideo", video=clip, voice=voice, face_track=edited, protect=mask)
    with graph.group("4 · The result", "output"):
        show_results(graph, dub, "video/retalk_repaired")


def emotion(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "A smile, and raised lids",
            """
            D-Net gives the reference a smile in place of the calm expression (*Expression*;
            needs `expression.mat`), and GANimation moves brows and eyes of the frames
            themselves.

            The lips still follow the voice.
            """,
        )
        fitted = open_clip(graph)
    images = fitted["images"]
    with graph.group("2 · Follow the face, hear the voice", "face"):
        track, mel = listen_and_look(graph, fitted)
    with graph.group("3 · D-Net: a smile", "expression"):
        portraits = cut_portraits(graph, images, track)
        face3d = graph.add("ReTalkLoadFace3D")
        graph.column()
        smiling = neutralise(graph, portraits, face3d, track, template="smile")
    graph.line()
    with graph.group("4 · Lips", "lips"):
        close = graph.add("ReTalkCropFaces", images=images, face_track=track, framing="face")
        redrawn = redraw_lips(graph, smiling, portraits, close, mel)
    graph.line()
    with graph.group("5 · Brows and eyes", "expression"):
        ganimation = graph.add("ReTalkLoadGanimation")
        graph.column()
        upper = graph.add(
            "ReTalkEditUpperFace", faces=close["faces"], ganimation=ganimation, emotion="surprise"
        )
    with graph.group("6 · Paste back, twice", "blend"):
        moved = graph.add(
            "ReTalkPasteBack",
            "Paste the Upper Face",
            frames=images,
            faces=upper,
            face_crops=close["face_crops"],
            region="whole face",
        )
        graph.column()
        pasted = graph.add(
            "ReTalkPasteBack",
            "Paste the Lips",
            frames=moved["frames"],
            faces=redrawn,
            face_crops=close["face_crops"],
            region="lower face",
        )
    with graph.group("7 · Video", "output"):
        save_video(graph, pasted["frames"], fitted["voice"], fitted["fps"], "video/retalk_emotion")


def upscaler_between(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "Image nodes between the stages",
            """
            Crops are plain IMAGEs. Here the portraits of a small face are enlarged and
            sharpened before D-Net sees them; put *Upscale Image (using Model)* or any other
            image node in their place.

            The crops keep their places whatever size the pictures get.
            """,
        )
        fitted = open_clip(graph)
    images = fitted["images"]
    with graph.group("2 · Follow the face, hear the voice", "face"):
        track, mel = listen_and_look(graph, fitted)
    graph.line()
    with graph.group("3 · Enlarge the portraits", "restore"):
        portraits = cut_portraits(graph, images, track)
        graph.column()
        large = graph.add("ImageScaleBy", image=portraits["faces"], upscale_method="lanczos", scale_by=2.0)
        graph.column()
        sharp = graph.add("ImageSharpen", image=large, sharpen_radius=1, sigma=1.0, alpha=0.5)
        face3d = graph.add("ReTalkLoadFace3D")
    with graph.group("4 · D-Net", "expression"):
        neutral = neutralise(graph, portraits, face3d, track, faces=sharp["IMAGE"])
    graph.line()
    with graph.group("5 · Lips", "lips"):
        close = graph.add("ReTalkCropFaces", images=images, face_track=track, framing="face")
        redrawn = redraw_lips(graph, neutral, portraits, close, mel)
        graph.column()
        pasted = graph.add(
            "ReTalkPasteBack",
            frames=images,
            faces=redrawn,
            face_crops=close["face_crops"],
            region="lower face",
        )
    with graph.group("6 · Video", "output"):
        save_video(graph, pasted["frames"], fitted["voice"], fitted["fps"], "video/retalk_upscaled")


def ablation_side_by_side(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "What each network adds",
            """
            The same frames, track and voice, dubbed with all networks, without D-Net and
            without E-Net, beside the original.

            The preview engine has none of these stages: this needs the checkpoints.
            """,
        )
        fitted = open_clip(graph)
    images = fitted["images"]
    with graph.group("2 · One track for all", "face"):
        track = graph.add("ReTalkDetectFaces", clip=images, fps=fitted["fps"])
    graph.line()
    dubs = []
    with graph.group("3 · Dub three times", "lips"):
        plain = [
            graph.add("ReTalkDubOptions", title, **changed)
            for title, changed in (
                ("All Networks", {}),
                ("Without D-Net", {"neutralise": False}),
                ("Without E-Net", {"enhance": False}),
            )
        ]
        graph.column()
        for options in plain:
            dubs.append(
                graph.add(
                    "ReTalkDubFrames",
                    f"Dub {options.title}",
                    images=images,
                    voice=fitted["voice"],
                    fps=fitted["fps"],
                    face_track=track,
                    options=options,
                    preset="fast",
                )
            )
    with graph.group("4 · Side by side", "blend"):
        titles = ("Original | All", "Without D-Net | E-Net")
        both = put_side_by_side(graph, titles, [images, *(each["images"] for each in dubs)])
    with graph.group("5 · Video", "output"):
        save_video(graph, both["IMAGE"], dubs[0]["audio"], dubs[0]["fps"], "video/retalk_ablation")


def long_video(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "Hours of video",
            """
            *Dub Video* streams from file to file: an hour takes no more memory than a minute.

            **Stopped?** Finished parts are kept in ComfyUI's user folder (`resume`). Run the
            same workflow again and it goes on where it was; the report says how much was taken
            over.

            For a first look set `duration` to a few seconds.
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        voice = graph.add("ReTalkDemoVoice")
    with graph.group("2 · How the work is done", "speech"):
        models = graph.add("ReTalkLoadModels")
        options = graph.add("ReTalkDubOptions", resume=True, resume_gb=20.0)
    with graph.group("3 · Dub", "lips"):
        dub = graph.add("ReTalkDubVideo", video=clip, voice=voice, models=models, options=options)
    with graph.group("4 · The result", "output"):
        show_results(graph, dub, "video/retalk_long")
    as_app(graph, clip, voice, dub)


def keep_the_better(graph: Graph) -> None:
    with graph.group("1 · Clip and voice", "input"):
        graph.note(
            "Dub, judge, keep the better of two",
            """
            The same clip and voice are dubbed twice, with other options. *Judge Video* measures
            both beside the clip; *Keep the Better Video* hands on the one that wins more of the
            figures that both have.

            `metrics` on *all* asks SyncNet and ArcFace too, where their files are. A count of
            figures is no verdict of people's: look at both.
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        voice = graph.add("ReTalkDemoVoice")
    with graph.group("2 · Dub twice", "lips"):
        wider = graph.add("ReTalkDubOptions", "Other Options", mouth_opening=1.25)
        graph.column()
        one = graph.add("ReTalkDubVideo", "First Dub", video=clip, voice=voice)
        other = graph.add("ReTalkDubVideo", "Second Dub", video=clip, voice=voice, options=wider)
    with graph.group("3 · Judge both", "speech"):
        judged = [
            graph.add("ReTalkJudgeVideo", f"Judge the {name}", video=dub["video"], source=clip, voice=voice)
            for name, dub in (("First", one), ("Second", other))
        ]
    with graph.group("4 · Keep the better one", "output"):
        kept = graph.add(
            "ReTalkKeepBetter",
            first=one["video"],
            first_judgement=judged[0]["json"],
            second=other["video"],
            second_judgement=judged[1]["json"],
        )
        graph.column()
        graph.add("ReTalkSaveDub", video=kept["video"], filename_prefix="video/retalk_better")
        graph.add("PreviewAny", "How the Figures Voted", source=kept["report"])


def detect_origin(graph: Graph) -> None:
    with graph.group("1 · A dub", "input"):
        graph.note(
            "What is this clip?",
            """
            A clip is dubbed and saved, and then the saved file is asked what it is, and the
            clip itself. For any file of your own put *Load Video* before *Detect Origin*.

            It finds ReTalk's marks in picture and sound, signatures, and dubs that this machine
            remembers. **Finding nothing does not mean that a clip is real.**
            """,
        )
        clip = graph.add("ReTalkDemoClip")
        voice = graph.add("ReTalkDemoVoice")
        graph.column()
        dub = graph.add("ReTalkDubVideo", video=clip, voice=voice)
        graph.column()
        saved = graph.add("ReTalkSaveDub", video=dub["video"], filename_prefix="video/retalk_origin")
    with graph.group("2 · What it is", "output"):
        found = graph.add("ReTalkDetectOrigin", "Detect Origin of the Dub", clip=saved["video"])
        graph.add("ReTalkDetectOrigin", "Detect Origin of the Clip", clip=clip)
        graph.column()
        graph.add("PreviewAny", "Report", source=found["report"])
        graph.add("PreviewImage", "Where the Mark Is", images=found["heat_map"])


def laplacian_blend_two_pictures(graph: Graph) -> None:
    with graph.group("1 · Two pictures of one size", "input"):
        graph.note(
            "A seamless blend of any two pictures",
            """
            Shading is blended over a wide transition and detail over a narrow one. Outside the
            mask the base stays exact, bit for bit; `support` shows where pixels may have
            changed.

            Any mask will do: paint one on a picture, or take a node's. Put *Load Image* in the
            place of the two plain pictures.
            """,
        )
        base = graph.add("EmptyImage", "Base", color=0x2E6F8E)
        layer = graph.add("EmptyImage", "Layer", color=0xD98B3A)
        graph.column()
        below = graph.add("ImageScale", "Base, 512 by 512", image=base)
        above = graph.add("ImageScale", "Layer, 512 by 512", image=layer)
        mask = graph.add("SolidMask", width=512, height=512)
    with graph.group("2 · Blend", "blend"):
        soft = graph.add("FeatherMask", "The Right Half", mask=mask, left=320)
        graph.column()
        blended = graph.add("ReTalkLaplacianBlend", base=below, layer=above, mask=soft)
    with graph.group("3 · The result", "output"):
        graph.add("SaveImage", images=blended["image"], filename_prefix="retalk_blend")
        graph.add("MaskPreview", "Support", mask=blended["support"])


WORKFLOWS: dict[str, tuple[Callable[[Graph], None], str]] = {  # and the engine that the server's form names
    "quick_dub": (quick_dub, "embedded preview"),
    "paper_stage_by_stage": (paper_stage_by_stage, "retalk"),
    "dub_frames_vhs": (dub_frames_vhs, "embedded preview"),
    "two_speakers": (two_speakers, "retalk"),
    "other_lips_our_finish": (other_lips_our_finish, "retalk"),
    "four_pairs_of_lips": (four_pairs_of_lips, "retalk"),
    "repair_by_hand": (repair_by_hand, "retalk"),
    "emotion": (emotion, "retalk"),
    "upscaler_between": (upscaler_between, "retalk"),
    "ablation_side_by_side": (ablation_side_by_side, "retalk"),
    "long_video": (long_video, "retalk"),
    "keep_the_better": (keep_the_better, "embedded preview"),
    "detect_origin": (detect_origin, "embedded preview"),
    "laplacian_blend_two_pictures": (laplacian_blend_two_pictures, "retalk"),
}
BLUEPRINT = "All ReTalk Stages (Lip Sync)"


def describe(name: str) -> Graph:
    """A workflow by its name."""
    write, engine = WORKFLOWS[name]
    graph = Graph(name, interfaces(), engine)
    write(graph)
    return graph


def files() -> dict[Path, str]:
    """Every file that is built, relative to the pack, and what it holds."""
    built = {}
    for name in WORKFLOWS:
        graph = describe(name)
        built[Path("workflows") / f"{name}.json"] = _json(editor_form(graph))
        built[Path("workflows") / "api" / f"{name}.json"] = _json(api_form(graph))
    built[Path("subgraphs") / f"{BLUEPRINT}.json"] = _json(
        blueprint_form(BLUEPRINT, paper_stages, interfaces())
    )
    return built


def _json(form: object) -> str:
    return f"{json.dumps(form, indent=1, ensure_ascii=False)}\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    check = parser.parse_args().check
    different = []
    for path, text in files().items():
        there = ROOT / path
        if there.exists() and there.read_text(encoding="utf-8") == text:
            continue
        different.append(path)
        if not check:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text, encoding="utf-8")
    for path in different:
        print(f"{path} {'is not as described' if check else 'was written'}")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
