"""What stands on the canvas in other languages: titles of groups and nodes, and notes. English is the key."""

from __future__ import annotations

from typing import Any

from workflow_graph import Graph

TITLES = {
    "zh": {
        "1 · A dub": "1 · 一段配音",
        "1 · Both clips": "1 · 两段视频",
        "1 · Clip and voice": "1 · 原片与语音",
        "1 · Clip and voices": "1 · 原片与两段语音",
        "1 · Clip, voice and a mask": "1 · 原片、语音与遮罩",
        "1 · Two pictures of one size": "1 · 两张同样大小的图片",
        "1 · Your clip and the new voice": "1 · 原片与新的语音",
        "2 · Blend": "2 · 融合",
        "2 · Dub": "2 · 配音",
        "2 · Dub twice": "2 · 配音两次",
        "2 · Follow the face, hear the voice": "2 · 跟踪人脸，听取语音",
        "2 · How the work is done": "2 · 如何处理",
        "2 · Look at the track": "2 · 查看人脸轨迹",
        "2 · What it is": "2 · 它是什么",
        "2 · One track for all": "2 · 共用一条轨迹",
        "2 · One track for both": "2 · 共用一条轨迹",
        "2 · The left one speaks": "2 · 左边的人说话",
        "3 · Blend and paste back": "3 · 融合并贴回",
        "3 · D-Net: a calm face": "3 · D-Net：平静的脸",
        "3 · D-Net: a smile": "3 · D-Net：微笑",
        "3 · Dub": "3 · 配音",
        "3 · Dub three times": "3 · 配音三次",
        "3 · Dub with the corrected track": "3 · 用修正的轨迹配音",
        "3 · Enlarge the portraits": "3 · 放大肖像",
        "3 · Judge both": "3 · 评测两者",
        "3 · The result": "3 · 结果",
        "3 · The right one speaks": "3 · 右边的人说话",
        "4 · D-Net": "4 · D-Net：表情",
        "4 · Keep the better one": "4 · 保留较好的",
        "4 · L-Net and E-Net: lips": "4 · L-Net 与 E-Net：嘴唇",
        "4 · Lips": "4 · 嘴唇",
        "4 · Side by side": "4 · 并排",
        "4 · The result": "4 · 结果",
        "4 · Video": "4 · 视频",
        "5 · Brows and eyes": "5 · 眉与眼",
        "5 · Lips": "5 · 嘴唇",
        "5 · Restore the mouth": "5 · 修复嘴部",
        "5 · Video": "5 · 视频",
        "6 · Paste back, twice": "6 · 贴回两次",
        "6 · Video": "6 · 视频",
        "7 · Video": "7 · 视频",
        "A seamless blend of any two pictures": "任意两张图片的无缝融合",
        "A smile, and raised lids": "微笑与抬起的眼睑",
        "All Networks": "全部网络",
        "Another engine's lips, this pack's finish": "别家的嘴唇，本节点包的收尾",
        "Base": "底图",
        "Base, 512 by 512": "底图，512×512",
        "Both Voices": "两段语音合一",
        "Bridge a Bad Stretch": "跨过不良片段",
        "Chart": "图表",
        "Clip with Other Lips": "嘴唇另作的视频",
        "Crop Aligned Faces": "裁剪对齐的人脸",
        "Crop Faces": "裁剪人脸",
        "Crop Portraits": "裁剪肖像",
        "Dub All Networks": "配音：全部网络",
        "Dub Without D-Net": "配音：不用 D-Net",
        "Dub Without E-Net": "配音：不用 E-Net",
        "Dub, judge, keep the better of two": "配音、评测，保留较好的",
        "Dub the Left One": "给左边的人配音",
        "Dub the Right One": "给右边的人配音",
        "Faces with Other Lips": "嘴唇另作的人脸",
        "First Dub": "第一次配音",
        "Forehead to Chin, for the Parser": "从额到颏，供解析",
        "Frames with Other Lips": "嘴唇另作的帧",
        "How the Figures Voted": "各指标的表决",
        "Hours of video": "数小时的视频",
        "Image nodes between the stages": "各阶段之间的图像节点",
        "Judge the First": "评测第一段",
        "Judge the Second": "评测第二段",
        "Layer": "上层图",
        "Layer, 512 by 512": "上层图，512×512",
        "Leave Frames Alone": "不动这些帧",
        "Lossless in Between": "中间无损",
        "Mouth Mask in the Aligned Framing": "对齐取景的嘴部遮罩",
        "Mouth and Chin": "嘴与下巴",
        "Mouths, Before and After": "嘴部前后对照",
        "One Below the Other": "上下排列",
        "Original Clip": "原片",
        "Original Faces": "原片的人脸",
        "Original Frames": "原片的帧",
        "Original | All": "原片 | 全部",
        "Other Options": "另一组选项",
        "Paste Back the Mouth": "贴回嘴部",
        "Paste the Lips": "贴回嘴唇",
        "Paste the Upper Face": "贴回上半脸",
        "Protects Nothing Yet": "尚未保护任何地方",
        "Reference in the Face Framing": "人脸取景的参考脸",
        "Repairing a bad face by hand": "手动修正跟错的人脸",
        "Detect Origin of the Clip": "原片的来源检测",
        "Detect Origin of the Dub": "配音的来源检测",
        "What is this clip?": "这是怎样的视频？",
        "Where the Mark Is": "标记在哪里",
        "Report": "报告",
        "Report on the Left One": "左边的人的报告",
        "Report on the Right One": "右边的人的报告",
        "Save the Track's Video": "保存轨迹视频",
        "Second Dub": "第二次配音",
        "Start here": "从这里开始",
        "Support": "改动范围",
        "The Right Half": "右半边",
        "The paper's pipeline, node by node": "论文的流程，逐个节点",
        "Two people who take turns": "两个人轮流说话",
        "Voice of the Person on the Left": "左边的人的语音",
        "Voice of the Person on the Right": "右边的人的语音",
        "What each network adds": "每个网络的贡献",
        "With VideoHelperSuite": "与 VideoHelperSuite 一起使用",
        "Without D-Net": "不用 D-Net",
        "Without D-Net | E-Net": "不用 D-Net | 不用 E-Net",
        "Without E-Net": "不用 E-Net",
        "3 · Four pairs of lips": "3 · 四副嘴唇",
        "Crop Heads for PC-AVS": "为 PC-AVS 裁剪头部",
        "Crop as Wav2Lip Does": "按 Wav2Lip 的方式裁剪",
        "L-Net Draws": "L-Net 画嘴唇",
        "L-Net | Wav2Lip": "L-Net 与 Wav2Lip",
        "LipGAN Draws": "LipGAN 画嘴唇",
        "LipGAN | PC-AVS": "LipGAN 与 PC-AVS",
        "Load L-Net": "加载 L-Net",
        "Load LipGAN": "加载 LipGAN",
        "Load PC-AVS": "加载 PC-AVS",
        "Load Wav2Lip": "加载 Wav2Lip",
        "PC-AVS Draws": "PC-AVS 画嘴唇",
        "Paste Back L-Net": "贴回 L-Net",
        "Paste Back LipGAN": "贴回 LipGAN",
        "Paste Back PC-AVS": "贴回 PC-AVS",
        "Paste Back Wav2Lip": "贴回 Wav2Lip",
        "Wav2Lip Draws": "Wav2Lip 画嘴唇",
        "Who draws the lips": "由谁画嘴唇",
    }
}
NOTES = {  # by their titles
    "zh": {
        "Start here": (
            "点击**运行**：附带的视频会配上附带的语音。要用自己的，请在“文件”里选择，"
            "或换成*加载视频*与*加载音频*。",
            "不需要任何权重：“引擎”为“自动”时，使用 `models/retalk` 中的文件所允许的最佳引擎，"
            "没有文件则用快速预览。"
            "报告会写明实际使用的引擎。*获取 ReTalk 模型*会下载论文的网络。",
            "为他人重新配音须征得其同意。",
        ),
        "The paper's pipeline, node by node": (
            "VideoReTalking 的每个阶段各为一个节点；画面与*帧序列配音*选预设“论文”时相同。",
            "像素以 IMAGE 传递：任何图像节点都能放在两个阶段之间。所有帧都在内存里：长片请用*配音视频*。",
            "*获取 ReTalk 模型*会下载所需文件。",
        ),
        "With VideoHelperSuite": (
            "需要节点包 *ComfyUI-VideoHelperSuite*。",
            "“视频信息”把加载时的帧率告诉*帧序列配音*，它的“帧率”再接到 *Video Combine*：不必手动填写帧率。",
            "不支持 VideoHelperSuite 的分批功能：人脸必须在整段视频里跟踪。长片请用*配音视频*。",
        ),
        "Two people who take turns": (
            "选择一段有两个人的视频，并为每人准备一段整场的录音，在对方说话时静音。",
            "第一次配音动的是左边那人的嘴唇，第二次是其右边那人的；“停顿时”为“保留原帧”，听的人脸就保持原样。"
            "两段语音合在一起是成片音轨。",
        ),
        "Another engine's lips, this pack's finish": (
            "选择原片，以及嘴唇由任何别的引擎另作、逐帧对应的同一视频。",
            "同一条人脸轨迹从两者裁出同样的部分；只融入另一段的嘴部，其余每个像素都与原片相同。",
        ),
        "Repairing a bad face by hand": (
            "先运行左边的部分并查看人脸轨迹，再把有误的时间填入*编辑人脸轨迹*：**插值**跨过不良片段，"
            "**跳过**让这些帧保持原样。",
            "遮罩保护挡在脸前的东西，如手或话筒：把*加载图像*（一帧画面）放到*尚未保护任何地方*的位置，"
            "在遮罩编辑器中打开并涂抹。它对所有帧有效。",
        ),
        "A smile, and raised lids": (
            "D-Net 给参考脸微笑而不是平静的表情（*目标表情*；需要 `expression.mat`），"
            "GANimation 移动原帧的眉毛与眼睛。",
            "嘴唇仍跟随语音。",
        ),
        "Image nodes between the stages": (
            "裁剪图就是普通的 IMAGE。这里小脸的肖像先放大、锐化，再交给 D-Net；"
            "可换成*使用模型放大图像*或任何别的图像节点。",
            "无论图片多大，裁剪位置不变。",
        ),
        "What each network adds": (
            "同样的帧、轨迹与语音，分别用全部网络、不用 D-Net、不用 E-Net 配音，与原片并排。",
            "预览引擎没有这些阶段：这里需要权重文件。",
        ),
        "Who draws the lips": (
            "同样的帧、轨迹、语音与融合，嘴唇分别由 L-Net、Wav2Lip、LipGAN 与 PC-AVS 画出，"
            "不用 D-Net 与 E-Net：各自以帧本身为参考脸。",
            "后三者的文件需手动获取，仅限个人与研究用途：“检查模型文件”会写明文件名。",
        ),
        "Hours of video": (
            "*配音视频*从文件流式读取并写入文件：一小时的视频占用的内存不比一分钟多。",
            "**中断了？**已完成的部分保存在 ComfyUI 的用户文件夹（“断点续做”）。"
            "再次运行同一工作流即从原处继续；报告会写明沿用了多少。",
            "先看效果时，把“时长”设为几秒。",
        ),
        "Dub, judge, keep the better of two": (
            "同样的原片与语音用不同的选项配音两次。*评测视频*对照原片测量两者；"
            "*保留较好的视频*把两者都有的指标中胜出较多的一段接下去。",
            "“指标”为“全部”时，有文件的话还会用 SyncNet 与 ArcFace。"
            "指标的多少不等于人的判断：两段都请看一看。",
        ),
        "What is this clip?": (
            "一段视频经配音并保存，然后查询所存文件的来源，也查询原片的来源。"
            "对自己的任何文件，请在*来源检测*之前放*加载视频*。",
            "它会找出 ReTalk 在画面与声音里的标记、签名，以及本机记得的配音。"
            "**什么都没找到，并不表示视频是真实的。**",
        ),
        "A seamless blend of any two pictures": (
            "明暗在宽的过渡带里融合，细节在窄的过渡带里融合。遮罩之外每个像素都与底图相同；"
            "“改动范围”标出可能有变化的地方。",
            "任何遮罩都可以：在图片上涂抹，或用节点生成。可把*加载图像*放到两张纯色图的位置。",
        ),
    }
}


def words_form(graph: Graph) -> dict[str, Any]:
    """A workflow's titles and notes in other languages, by the English ones, as its file keeps them."""
    titles = {group.title for line in graph.lines for group in line}
    titles |= {node.title for node in graph.nodes if node.title}
    notes = {node.title: node.text for node in graph.nodes if node.interface is None}
    return {
        language: {
            **{title: TITLES[language][title] for title in sorted(titles)},
            **{text: "\n\n".join(NOTES[language][title]) for title, text in sorted(notes.items())},
        }
        for language in TITLES
    }
