// What the panel says, in the editor's language; English where there are no words of it.

const WORDS = {
  en: {
    copy: "Copy", copied: "Copied", help: "Help", report: "Report",
    play: "Play", pause: "Pause", back: "One frame back", on: "One frame on",
    loop: "Loop a second", wipe: "Wipe", side: "Side by side", sound: "Sound", open: "Open the finished file",
    before: "before", after: "after", first: "first", second: "second",
    divider: "Divider of the two pictures", time: "Time",
    loudness: "loudness", wanted: "mouth, wanted", found: "mouth, found in the result",
    untouched: "left as it was", doubts: "doubts", preview: "PREVIEW",
    gone: "The pictures are gone: ComfyUI empties its temporary folder when it starts. Press Run to make them again.",
    unplayable: "This browser can't play the pictures. Open the finished file instead.",
    choose: "Click the face that is meant.", chosen: "Chosen. Press Run to take this face.",
    outOfReach: "Too far to the right for this node: choose it in Detect Faces.", face: "Face",
  },
  zh: {
    copy: "复制", copied: "已复制", help: "帮助", report: "报告",
    play: "播放", pause: "暂停", back: "后退一帧", on: "前进一帧",
    loop: "循环一秒", wipe: "划像", side: "并排", sound: "声音", open: "打开成片文件",
    before: "之前", after: "之后", first: "第一段", second: "第二段",
    divider: "两幅画面的分界", time: "时间",
    loudness: "响度", wanted: "嘴部（期望）", found: "嘴部（成片实测）",
    untouched: "保持原样", doubts: "存疑", preview: "预览",
    gone: "画面已不在：ComfyUI 启动时会清空临时文件夹。请点击“运行”重新生成。",
    unplayable: "此浏览器无法播放这些画面，请改为打开成片文件。",
    choose: "点击要处理的人脸。", chosen: "已选定。点击“运行”即处理此人脸。",
    outOfReach: "太靠右，此节点选不到：请在“人脸检测”中选择。", face: "人脸",
  },
}

export function wordsOf(locale) {
  return WORDS[String(locale || "en").split("-")[0]] || WORDS.en
}
