"""The toy knows the words that learners meet first: lists of common words, looked up one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

import attnviz
from attnviz.toy import lexicon


def lines(name: str) -> list[str]:
    """The lines of a list in this folder, without comments."""
    text = Path(__file__).with_name(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("#")]


HSK = [line.split("\t") for line in lines("hsk.tsv")]
PHRASES = {word: cut[0].split(" ") for word, _, _, *cut in HSK if cut}


def test_vectors_of_their_own():
    """At least 2,500 words have features of their own, at least 8,000 share them."""
    own = [word for word, entry in lexicon.entries().items() if not entry.features.startswith("=")]
    assert len(own) >= 2_500
    assert len(lexicon.entries()) - len(own) >= 8_000


def test_hsk_lists_are_whole():
    """The lists have the words of HSK 2.0 and 3.0, levels 1 to 4."""
    assert sum(old != "-" for _, old, *_ in HSK) >= 1_190
    assert sum(new != "-" for _, _, new, *_ in HSK) >= 3_180


def test_hsk_words_are_known():
    """Every word of HSK 1 to 4 is an entry of the lexicon; few are phrases, cut into words that are entries."""
    assert [word for word, *_ in HSK if word not in PHRASES and word not in lexicon.entries()] == []
    assert len(PHRASES) <= 20


@pytest.mark.parametrize("phrase", PHRASES)
def test_hsk_phrases_are_cut_into_known_words(phrase):
    """The words that a phrase is cut into are those of the list: entries, or a name."""
    parts = [token.text for token in attnviz.run(phrase).tokens]
    assert parts == PHRASES[phrase]
    assert phrase == "老王" or all(part in lexicon.entries() for part in parts)


def test_common_english_words_are_known():
    """At least 99 in 100 of the commonest English words and their forms are entries."""
    words = lines("common_english.txt")
    missing = [word for word in words if word not in lexicon.entries()]
    assert len(words) >= 3_900
    assert len(missing) <= len(words) / 100, missing


ARTICLE = (
    "派对 聚会 聊 聊天 搭话 投缘 关系 项目 经理 身份牌 亲密度 握手 注意力 词元 向量 矩阵 权重 滤镜 照片 评论 报告 翻译 "
    "代码 故事 屏幕 电池 退货 客服 红烧 狮子头 同时 提到 看向 记录 总结 循环 编码 解码 查询 句子 单词"
)


def test_the_words_of_the_tutorial_are_known():
    """Words with which the tutorial and articles like it explain attention are entries, in both languages."""
    english = "party guest chat project manager relationship tag token vector matrix weight filter photo review report"
    wanted = [*ARTICLE.split(), *english.split()]
    assert [word for word in wanted if word not in lexicon.entries()] == []
