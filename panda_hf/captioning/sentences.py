"""From what a teacher wrote to one clean sentence, or the reason why there is none."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from panda_hf.errors import CandidateError

MAX_CHARACTERS = 4_000
"""No more of an answer is looked at; its first sentence is wanted."""
MAX_LOOP = 10
"""Words in the longest phrase whose repetition is looked for."""

_TOKEN = r"<\|[^<>\n]{0,60}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<(?:eos|bos|pad|unk)>|#{3,}"
"""What only the template of a conversation writes: a caption ends before it."""
_ROLE = r"(?:assistant|ai|gpt|bot|user|human|system|model)"
_LABEL = r"(?:answer|a|caption|summary|description|response|output|result|sentence)"
_PREFIX = re.compile(rf"(?:(?:{_ROLE}|(?:(?:video|image|clip|the|final) )?{_LABEL})\s*[:：]\s*)+", re.IGNORECASE)
_NEXT_TURN = re.compile(rf"\n[ \t]*[*_]*{_ROLE}[*_]*\s*[:：]", re.IGNORECASE)
_YES = re.compile(
    r"(?:(?:sure(?: thing)?|certainly|of course|absolutely|ok(?:ay)?|alright|yes|great|no problem)\s*[,!.:]+\s*)+",
    re.IGNORECASE,
)
_HERE = re.compile(
    r"(?:here|this|below|the following|i|let me|based on)\b[^:\n]{0,150}"
    r"\b(?:caption|summary|summari[sz]e|sentence|description|describe|answer|response|overview)\b[^:\n]{0,60}[:：]\s*"
    r"|here (?:it is|you go|you are|we go)\s*[:：!.]\s*",
    re.IGNORECASE,
)
_ANNOUNCES = re.compile(r"(?:here|below|the following|based on)\b.*[:：]", re.IGNORECASE)
_NO = re.compile(
    r"(?:i['’]?m|i am) (?:sorry|unable|not able)\b|sorry,? (?:but )?i\b|unfortunately,? i\b|as an ai\b"
    r"|i (?:can ?not|can['’]t|do not|don['’]t|apologi[sz]e)\b"
    r"|unable to (?:process|view|see|describe|determine|access|analy[sz]e)\b|there is no (?:video|image|clip) provided"
    r"|it is (?:not possible|impossible) to (?:determine|describe|say|tell)\b|no (?:video|image) (?:was |is )?provided"
    r"|(?:n/a|none|null|nil|undefined)[.!]*$"
    r"|lo siento\b|no puedo (?:ver|describir|ayudar)\b|(?:es )?tut mir leid\b|ich kann (?:das|dieses|ihnen|leider)\b"
    r"|entschuldigung\b|leider kann ich\b|对不起|抱歉|很抱歉|我(?:无法|不能)",
    re.IGNORECASE,
)
_PICTURE = r"(?:this|the) (?:short )?(?:video|clip|footage|scene|image|picture|frame)s?(?: clip)?"
_SHOWN = re.compile(
    rf"(?:in|throughout) {_PICTURE},?\s+(?:(?:we|you|one) (?:can )?see\s+|there (?:is|are)\s+)?"
    rf"|{_PICTURE} (?:shows?|depicts?|features?|captures?|displays?|presents?|is of|is about)\s+",
    re.IGNORECASE,
)
_BROKEN_LINE = re.compile(r"(?<=[^.!?:：\s])[ \t]*\n[ \t]*(?=[a-zß-ÿ])")
_MARKDOWN = re.compile(r"^\s*(?:#{1,6}\s+|>\s+|[-*+•]\s+|\d{1,2}[.)]\s+|[A-D]\.\s+(?=(?:An?|The)\s))+")
_EMPHASIS = re.compile(r"\*{1,3}|_{2,3}|`{1,3}|~~")
_QUOTES = {'"': '"', "“": "”", "”": "”", "„": "“", "«": "»", "‘": "’", "'": "'", "「": "」"}
_ASKED = re.compile(
    r"\s*(?:user|human)\s*[:：].*?\n\s*(?:assistant|ai|gpt|bot|model)\s*[:：]", re.IGNORECASE | re.DOTALL
)
"""A question said again before its answer."""
_FENCED = re.compile(r"\s*```\w*[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_NAMES = ("caption", "sentence", "summary", "description", "answer", "response", "text", "output")
"""What a model that answers in JSON calls its caption."""
_END = re.compile(r"[.!?…؟]+[\"”’')\]»」]*(?=\s)|[。！？।॥]+[」』”’)）]*")
_NEVER_LAST = frozenset(
    "mr mrs ms dr prof mt sgt lt col gen capt rev hon gov sen rep vs fig vol approx ca cf e.g i.e eg ie viz".split()
)
"""Abbreviations that something follows."""
_SELDOM_LAST = frozenset("a.m p.m etc inc ltd co corp jr sr ft lb oz hr min sec ave blvd dept ph.d".split())
"""Abbreviations that may end a sentence: they do where the next word has a capital letter."""
_OPENERS = frozenset("a an the it he she they we in on at there this that these those then after as while".split())
"""Words that begin a sentence far more often than a name."""


def clean_sentence(raw: str, *, stop: Sequence[str] = (), cut: bool = False, drop_openers: bool = False) -> str:
    """The first sentence of what a teacher wrote, without roles, chatter, quotation marks and markdown.

    Args:
        raw: as generated.
        stop: more strings before which the caption ends.
        cut: a limit of length ended it, so that its last sentence may lack its end.
        drop_openers: also take off "The video shows" and the like.

    Raises:
        CandidateError: when nothing is left, the teacher declined, it repeats itself without end, or ``cut`` fell
            into its first sentence.

    Example:
        >>> clean_sentence('Sure! Here is a summary:\\n\\n"Dr. Lee pours 3.5 l of tea." Anything else?')
        'Dr. Lee pours 3.5 l of tea.'
    """
    whole = _answer(raw)
    answer = _printable(whole[:MAX_CHARACTERS])
    written = _before_stops(answer, stop)
    line, is_last = _first_line(_BROKEN_LINE.sub(" ", written))
    if not line:
        raise CandidateError(f"the teacher wrote nothing that could be a caption ({len(raw)} characters)")
    if _NO.match(line):
        raise CandidateError("the teacher declined to describe the clip")
    sentence = _unquoted(first_sentence(line))
    if drop_openers:
        sentence = _without_opener(sentence)
    if loop := repetition(sentence):
        raise CandidateError(f"the teacher repeats itself: {loop}")
    stopped = not answer.rstrip().endswith(written.rstrip())
    if (cut or whole != whole[:MAX_CHARACTERS]) and not stopped and _is_cut(answer, line, is_last):
        raise CandidateError("the limit of length cut the teacher's sentence off; raise max_new_tokens")
    return sentence


def _first_line(text: str) -> tuple[str, bool]:
    """The first line that says something, made bare, and whether no other follows; "" where none does."""
    lines = [_bare(line) for line in text.split("\n")]
    place = next((i for i, line in enumerate(lines) if _says_something(line)), None)
    return ("", True) if place is None else (lines[place], place == len(lines) - 1)


def _is_cut(answer: str, line: str, is_last: bool) -> bool:
    """Whether the end that a limit of length made of an answer falls into its first sentence."""
    if answer.lstrip().startswith(("{", "```")):  # what stands in it could not be taken out
        return True
    return is_last and first_sentence(line) == line and not is_whole(line)


def first_sentence(text: str) -> str:
    """``text`` up to the end of its first sentence; abbreviations and decimals do not end one.

    Example:
        >>> first_sentence("Mr. Ito walks 1.5 miles. He rests.")
        'Mr. Ito walks 1.5 miles.'
    """
    for end in _END.finditer(text):
        rest = text[end.end() :].split(maxsplit=1)
        if rest and not (_quotes(text, end) or _goes_on(text[: end.start()], end.group(), rest[0])):
            return text[: end.end()].strip()
    return text.strip()


def is_whole(text: str) -> bool:
    """Whether a sentence has its end: a mark that is more than that of an abbreviation.

    Example:
        >>> [is_whole(text) for text in ("A man meets Mr.", "A man meets a dog.", "A man meets")]
        [False, True, False]
    """
    end = next((end for end in _END.finditer(text + " ") if end.end() >= len(text)), None)
    return end is not None and not _goes_on(text[: end.start()], end.group(), "")


def repetition(text: str) -> str | None:
    """In words, how a text goes round in circles; ``None`` where it does not.

    A phrase of up to ten words is a loop where it comes three times on end (a single word five times), and letters
    where a few of them fill more than 24 places. Nothing of the text is quoted: it may name people.
    """
    words = [word for word in (re.sub(r"\W+", "", word).casefold() for word in text.split()) if word]
    for size in range(1, min(MAX_LOOP, len(words) // 3) + 1):
        times = _times(words, size)
        if times >= (5 if size == 1 else 3):
            return f"{size} word{'s' if size > 1 else ''}, {times} times on end"
    for size in range(1, min(MAX_LOOP, len(text) // 5) + 1):
        times = _times(text, size)
        if times >= 5 and times * size > 24:
            return f"{size} character{'s' if size > 1 else ''}, {times} times on end"
    return None


def _times(items: Sequence[str], size: int) -> int:
    """How often some stretch of ``size`` items comes on end, at most."""
    longest = run = 0
    for i in range(len(items) - size):
        run = run + 1 if items[i] == items[i + size] else 0
        longest = max(longest, run)
    return (longest + size) // size


def _quotes(text: str, end: re.Match[str]) -> bool:
    """Whether a mark stands inside a quotation that opens behind a space and is closed later."""
    before, after = text[: end.end()], text[end.end() :]
    opened = re.match(r"[\s(\[]", before[before.rfind('"') - 1 :]) if '"' in before[1:] else None
    straight = opened and before.count('"') % 2 and '"' in after
    return bool(straight or before.count("“") > before.count("”") and "”" in after)


def _answer(raw: str) -> str:
    """What was written as the answer: no thoughts, no repeated question or role, no fence, no JSON around it."""
    text = _thought_out(raw)
    for before in (_ASKED, _PREFIX):
        match = before.match(text)
        text = text[match.end() :] if match else text
    fenced = _FENCED.match(text)
    text = fenced.group(1) if fenced else text
    try:
        told = json.loads(text) if text.lstrip().startswith("{") and len(text) <= MAX_CHARACTERS else {}
    except (ValueError, RecursionError):
        return text
    found = [value for name in _NAMES if isinstance(value := told.get(name), str)]
    return found[0] if found else "" if told else text


def _thought_out(raw: str) -> str:
    """The answer behind a model's thoughts; nothing where it never came to its end."""
    answer = re.split(r"</think(?:ing)?>", raw)[-1]
    return re.split(r"<think(?:ing)?>", answer)[0]


def _printable(text: str) -> str:
    lines = re.sub(r"\r\n?|[\u2028\u2029\v\f\x85]", "\n", text)
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else " " for c in lines)


def _before_stops(text: str, stop: Sequence[str]) -> str:
    """``text`` before the first stop or the next turn; those before its first word are passed over."""
    stops = "|".join([_TOKEN, *map(re.escape, filter(None, stop))])
    leading = re.compile(rf"\s*(?:(?:{stops})\s*(?:{_ROLE}\s*\n)?|{_PREFIX.pattern})", re.IGNORECASE)
    while match := leading.match(text):
        text = text[match.end() :]
    text = re.split(stops, text, maxsplit=1)[0]
    return _NEXT_TURN.split(text, maxsplit=1)[0]


def _bare(line: str) -> str:
    """A line without markdown, labels, chatter and the quotation marks around it."""
    for _ in range(8):  # one wraps another; an endless nest of them is no caption anyway
        before = line
        line = " ".join(_EMPHASIS.sub("", _MARKDOWN.sub("", line)).split())
        for chatter in (_PREFIX, _YES, _HERE):
            line = line[match.end() :] if (match := chatter.match(line)) else line
        line = _unquoted(line)
        if line == before:
            break
    return line


def _says_something(line: str) -> bool:
    """Whether a line has letters or digits, and does not merely announce the next one."""
    return any(c.isalnum() for c in line) and not _ANNOUNCES.fullmatch(line)


def _unquoted(text: str) -> str:
    """``text`` without quotation marks around all of it, or a lone one at an end."""
    close = _QUOTES.get(text[:1])
    if close is None:
        lone = text[-1:] in tuple('"”»') and not any(mark in text[:-1] for mark in '"“”«»')
        return text[:-1].rstrip() if lone else text
    end = _closing(text, close)
    if end is None:
        return text if close in "'’" else text[1:].strip()
    inside, tail = text[1:end].strip(), text[end + 1 :].strip()
    if any(c.isalnum() for c in tail):
        return text
    return inside if inside[-1:] in tuple(".!?…。！？") else inside + tail


def _closing(text: str, close: str) -> int | None:
    """Where the quotation that opens ``text`` ends; quotations inside it and apostrophes are stepped over."""
    depth = 0
    for place in range(1, len(text)):
        if text[place] != close or text[place - 1].isalnum() and text[place + 1 : place + 2].isalnum():
            continue
        if text[place - 1].isspace() and text[place + 1 : place + 2].isalnum():
            depth += 1
        elif depth:
            depth -= 1
        else:
            return place
    return None


def _goes_on(before: str, mark: str, follower: str) -> bool:
    """Whether a mark does not end the sentence, seen what stands before it and the word that follows."""
    capital = follower[:1].isupper()
    if len(mark.rstrip("\"”’')]»」")) < len(mark) or mark.startswith(("..", "…")):
        return follower[:1].islower()  # a quotation or a pause inside the sentence
    if mark != ".":
        return False
    word = re.split(r"[\s(\[\"'“‘-]", before)[-1].casefold()
    if word == "no":
        return follower[:1].isdigit()
    if word in _SELDOM_LAST:
        return not capital
    if word == "st" or re.fullmatch(r"(?:[^\W\d_]\.)*[^\W\d_]", word):  # U.S., J.
        return not (capital and follower.casefold().strip(",") in _OPENERS)
    return word in _NEVER_LAST


def _without_opener(sentence: str) -> str:
    match = _SHOWN.match(sentence)
    rest = sentence[match.end() :] if match else ""
    if not any(c.isalnum() for c in rest):
        return sentence
    return rest[0].upper() + rest[1:] if sentence[0].isupper() else rest
