"""Personal names that no lexicon can list: which characters and words are taken for one.

Chinese: 小, 老 or 阿 with a surname or a given name (小明, 老李), a surname with a title (张老师), a surname with a
given name of one or two characters (李华, 王小明), given names written by their sound (汤姆). English: common given
names. An unknown capitalized word inside a sentence is a person's or a place's name as well; `embeddings` sees to that,
since it takes the words around it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

# Surnames among the commonest hundred that are hardly words of their own, or, as 张 and 周, only after a number.
SURNAMES = (
    "王李张刘陈杨赵吴周徐孙朱胡郭何罗郑梁谢宋唐许韩冯邓曹彭曾肖董袁潘蒋蔡余杜程苏魏吕丁任沈姚卢姜崔谭陆汪范廖贾韦邹"
    "孟秦邱尹薛闫段侯陶黎贺龚邵严覃武莫孔汤康施樊葛邢乔伍庞颜倪聂鲁岳翟殷詹欧耿焦俞柳甘祝阮柯纪裴霍翁骆辛靳鲍喻穆卓"
    "褚娄窦岑"
)
# Surnames that are also words: with a title they are names, with a given name only where a character would be unknown.
ALSO_WORDS = "黄马高林郑田叶钟金石夏付方白熊江雷龙万钱戴常温文牛章关左包童季蓝路游史毛顾于易齐安兰梅凌单"
GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华红玉萍建玲志辉鹏飞婷波斌浩凯健俊帆宁宇欣雅琴倩颖佳琪莹琳慧洁梦"
    "瑶轩涵晨阳博峰亮龙鑫晓云雨萱怡君悦思芸璐楠睿哲豪泽昊然梓诗妍嘉雯蕾薇莉茜菲珊岚燕凤莲菊梅兰珍贞淑惠珠翠娥娇媛嫣"
    "晴晶璇瑾瑜国庆卫民文武德福贵荣昌盛祥瑞康宏旭东海林森彬彪坤乾亭毅恒达诚信义礼智仁贤良翔腾"
)
TITLES = (
    *("老师", "医生", "大夫", "护士", "经理", "先生", "太太", "女士", "小姐", "校长", "院长", "教授", "博士", "主任"),
    *("警官", "师傅", "老板", "律师", "工程师", "司机", "教练", "同学", "同志", "阿姨", "叔叔", "伯伯", "爷爷", "奶奶"),
    *("大爷", "大妈", "大娘", "大叔", "大姐", "大哥", "姐", "哥", "总", "工", "局长", "部长", "市长", "总统", "队长"),
)
# Given names from other languages, by their sound.
_BY_SOUND = (
    "安娜 汤姆 玛丽 约翰 杰克 露西 莉莉 大卫 彼得 迈克 迈克尔 麦克 艾米 艾玛 爱丽丝 詹姆斯 威廉 乔治 亨利 查理 "
    "查尔斯 托马斯 保罗 马克 罗伯特 比尔 杰瑞 吉姆 凯特 凯蒂 珍妮 苏珊 莎拉 丽莎 琳达 海伦 露丝 伊丽莎白 玛莎 "
    "索菲亚 奥利弗 杰里 萨姆 尼克 亚当 丹尼尔 山姆 贝拉 米娅 艾伦 露娜 娜塔莎 伊万 卡尔 汉斯 皮埃尔 玛丽亚"
)
_ENGLISH = (
    "aaron adam alan albert alex alexander alice alison amanda amy andrea andrew angela anna anne annie anthony "
    "arthur barbara ben benjamin betty billy bobby brian carl caroline catherine charles charlie charlotte chloe "
    "chris christine christopher cindy claire dan daniel danny dave david deborah debbie dennis diana donald "
    "donna dorothy doug edward eleanor elena elizabeth ella ellen emily emma eric erica ethan eva evan evelyn "
    "fiona frances fred gary george gerald gina greg hannah harold harry helen henry ian irene isaac isabel "
    "isabella ivan jacob james jamie jane janet jason jeff jennifer jenny jeremy jerry jessica jill jim joan joe "
    "john johnny jonathan jose joseph joshua joyce juan judy julia julie justin karen karl kate katherine "
    "kathleen kathy katie kelly ken kenneth kevin kim kyle larry laura lauren lee leo leon leonard lewis liam "
    "linda lisa liz louis louise lucas lucy luke lynn maggie marcus margaret maria marie marilyn mario marion "
    "martha martin mary matt matthew megan melissa mia michael michelle mike molly monica nancy natalie natasha "
    "nathan neil nicholas nick nicole nina noah nora norman oliver olivia oscar pamela patricia patrick paul "
    "paula peggy peter phil philip rachel ralph raymond rebecca richard rick robert robin roger ron ronald rosa "
    "roy russell ruth ryan sally sam samantha samuel sandra sara sarah scott sean sharon sheila simon sofia "
    "sophia sophie stephanie stephen steve steven stuart susan suzanne sylvia ted teresa terry theresa thomas tim "
    "timothy tina toby todd tom tommy tony tracy vanessa veronica victoria vincent virginia walter wendy william "
    "zoe wang li zhang liu chen yang zhao huang zhou wu xu zhu gao lin guo luo ming hong wei fang"
)
# Given names that are words as well: names only with a capital.
_CAPITALIZED = "bill bob carol daisy frank grace heather holly jack jean lily mark ray rob rose sue victor"
# Before these 张 and 周 are no surnames: 两张, 上周.
_COUNTING = "一二三四五六七八九十百千万两几每这那半多整0123456789上下本"
_BEFORE_NAME = "小老阿"

# The first characters of all of these: a quick test that most places of a text do not pass.
STARTS = _BEFORE_NAME + SURNAMES + ALSO_WORDS + "".join(sorted({name[0] for name in _BY_SOUND.split()}))

NAME, LONG_NAME, GUESS = 0, 6, 7  # ranks of names beside the frequency classes, see tokenize.RANKS

# Kinds that 小 describes: 小马 is a small horse, 小车 a small car.
_DESCRIBED = ("animal", "vehicle", "furniture", "food", "device", "body", "clothing")
_THINGS = (*_DESCRIBED, "plant", "matter", "place", "thing")
_QUALITIES = ("quality", "color", "taste", "trait", "worth", "manner")

# Features of which each name has two, weakly.
_OWN = (
    *("day", "hour", "season", "home", "table", "school", "work", "market", "health", "play", "net", "town", "road"),
    *("land", "water", "sky"),
)

Kind = Callable[[str], str | None]


def names_at(line: str, start: int, kind: Kind) -> list[tuple[int, int]]:
    """Return the names that may begin at a place of a line of text: the length of each and its rank.

    kind(word): the kind of thing that a lexicon says a word is, None where it has not got it.
    """
    near = line[start : start + 8]
    first, second, third = near[:1], near[1:2], near[2:3]
    found = [(length, 3) for length in range(2, 6) if near[:length] in _by_sound() and length == len(near[:length])]
    if first in _BEFORE_NAME and second and _may_follow(first, second, kind) and not _described(line, start, kind):
        found.append((2, NAME))
    if first not in SURNAMES + ALSO_WORDS or (start and line[start - 1] in _COUNTING):
        return found
    found += [(1 + len(title), NAME) for title in TITLES if near.startswith(title, 1)]
    rank = NAME if first in SURNAMES else GUESS
    if second and second in GIVEN:
        found.append((2, rank))
    if second and third and (second in GIVEN or second in "小大") and third in GIVEN:
        found.append((3, LONG_NAME if rank == NAME else rank))
    return found


def own_features(name: str) -> dict[str, float]:
    """Return the small part of a name's features that is its own, so that two names differ; it says nothing.

    >>> own_features("小明") == own_features("小红")
    False
    """
    import hashlib

    first, second = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=2).digest()
    strong = first % len(_OWN)
    return {_OWN[strong]: 2.0, _OWN[(strong + 1 + second % (len(_OWN) - 1)) % len(_OWN)]: 1.0}


def title_of(name: str) -> str | None:
    """Return the title in a surname with a title.

    >>> title_of("张老师"), title_of("张伟")
    ('老师', None)
    """
    return name[1:] if name[:1] in SURNAMES + ALSO_WORDS and name[1:] in TITLES else None


def is_name(word: str, kind: Kind) -> bool:
    """Return whether a word as a whole is taken for the name of a person."""
    if word[:1] not in STARTS:
        return is_given_name(word)
    return any(length == len(word) for length, _ in names_at(word, 0, kind))


def is_given_name(word: str) -> bool:
    """Return whether an English word is a common given name; one that is another word too needs its capital.

    >>> is_given_name("anna"), is_given_name("Mark"), is_given_name("mark")
    (True, True, False)
    """
    return word.lower() in _english() or (word[:1].isupper() and word.lower() in _CAPITALIZED.split())


def _may_follow(first: str, second: str, kind: Kind) -> bool:
    """Return whether a character after 小, 老 or 阿 makes a name with it."""
    if second in SURNAMES or (second in GIVEN and first != "老"):
        return kind(second) not in _DESCRIBED
    return second in ALSO_WORDS and kind(second) not in _DESCRIBED


def _described(line: str, start: int, kind: Kind) -> bool:
    """Return whether 小 and a quality describe a thing, as in 小红花; but 小红花了十元 says what 小红 did."""
    if kind(line[start + 1]) not in _QUALITIES:
        return False
    after = start + 2
    for length in (4, 3, 2, 1):
        word = line[after : after + length]
        if len(word) == length and (found := kind(word)) is not None:
            return found in _THINGS and line[after + length : after + length + 1] not in ("了", "着", "过")
    return False


@cache
def _by_sound() -> frozenset[str]:
    return frozenset(_BY_SOUND.split())


@cache
def _english() -> frozenset[str]:
    return frozenset(_ENGLISH.split())
