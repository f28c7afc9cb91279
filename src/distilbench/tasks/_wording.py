r"""Words around a letter that is an answer, and those that take it back; in the languages that
models answer in."""

from __future__ import annotations

import re

DRESS = re.compile(
    r"\\(?:boxed|fbox|text(?:bf|it|rm|tt|sf)?|math(?:bf|rm|it|sf|tt)|mbox|underline|bf|rm)\s*(?=\{)"
    r"|</?(?![A-Z]>)[A-Za-z][\w-]*>|<[|｜][\w▁-]+[|｜]>|\\[()\[\]]|\\(?=[.:])|[$*`~]|__"
    r"|\\[,;!]|\\(?:q?quad|displaystyle|[lL]arge)(?![a-z])"
)
BULLET = re.compile(r"(?m)^[ \t]*(?:(?:[#>•+→✅✔☑👉🎯\ufe0f-]+|\d{1,2}[.)])[ \t]+)+(?=\S)")
_ANSWER = (
    r"\b(?:answer|(?:correct|right|best|final)[ \t]+(?:option|choice|letter|statement|one)"
    r"|(?:my|the)[ \t]+(?:option|choice|pick|guess)(?=[ \t]*:|[ \t]+is\b)"
    r"|(?:alternativa|opción|opção|opzione)[ \t]+corr\w{2,5}"
    r"|réponse|respuesta|resposta|risposta|antwort|antwoord|svaret|odpowiedź|ответ|cevap|đáp án"
    r"|jawaban)\b"
)
_IS = (
    r"\b(?:is|was|(?:would|should|must|will|could|may|might|has to|can only|(?:appear|seem)s to)"
    r"[ \t]+be|remains|est|es|ist|è|é|jest|là|adalah|lautet)\b[ \t]*:?"
)
STATED = re.compile(
    rf"(?i:{_ANSWER}(?:[ \t]+(?:choice|option|letter|corre(?:ct|tt|t)[ao]?))?"
    r"(?:[ \t]+(?:to|for|here)\b[^.:\n]{0,60}?)?(?:,[^,.:\n]{1,30},)?"
    rf"[\"'”’]?[ \t]*(?:[:：=→]|[-–—][ \t]|[ \t]{_IS})[ \t]*(?:\.{{2,}}|…)?"
    r"|(?:^|(?<=\n))[ \t]*(?:the )?(?:(?:final|correct) )?answer[ \t]*"
    r"(?=\n|\(?[A-Z]\)?[ \t.]*(?:\n|$))"
    r"|(?:答案|正[确解]的?选项|正解|答え|정답|답)】?[ \t]*(?:应该|应)?"
    r"(?:是|为|选择?|[:：]|は|[은이]|(?<=】))"
    r"|(?:^|[，。,\n]|本题|故|应|因此|所以)[，,]?[ \t]*选择?)"
)
"""What an answer stands behind."""
DOUBTED = re.compile(
    r"(?i:\b(?:might|could|may)[ \t]+(?:think|believe|assume|say|guess|expect|argue|conclude)\b"
    r"|\b(?:some|many|most|people|students)\b.{0,40}\b(?:think|say|believe|assume|guess)\b"
    r"|\bat first\b|\btempt|\b(?:may|might|could)[ \t]+be\b"
    r"|\b(?:if|had|were|unless|otherwise)\b.*\bwould[ \t]+be\b)"
)
"""A statement that the output itself does not make: a guess of others, or what would be if."""
AGAIN = re.compile(
    r"(?i:\b(?:wait|actually|hold on|scratch that|on second thoughts?|correction|oops|sorry)\b"
    r"|\bno(?=[,.]))"
)
"""The output thinks again: what it then says takes the place of what it said."""
NEXT = re.compile(  # a base model goes on with a question of its own
    r"\n[ \t#*>]*(?:(?:Question|Q|Problem|Exercise|Human|User|Instruction)\b[ \t\d*]{0,8}[:：]"
    r"|The following (?:is|are) (?:a )?multiple[- ]choice|题目[:：]|问题[:：])"
    r"|</s>|\[/?INST\]|<[|｜](?:end|eot|eos|im_|user|start)[\w▁]*[|｜]>"
)
_ENDS = r"[ \t]*[(\[{<\"'“‘]?[A-Z][)\]}>\"'”’]{0,2}[ \t]*(?:[.;!\n]|$)"
CHOSEN = re.compile(
    r"(?i:\b(?:i(?:'d| would|'ll| will)?|we|let's)[ \t]+"
    r"(?:choose|pick|select|go with|opt for)\b"
    r"|\b(?:it|that|this)(?:['’]s|[ \t]+(?:is|(?:must|would|should|has to)[ \t]+be))(?=[ \t])"
    r"|\b(?:(?:leaves|leaving)(?:[ \t]+us)?(?:[ \t]+with)?|left with"
    r"|correspond(?:s|ing) to|match(?:es|ing)|which is|only)(?=[ \t]+(?:the )?(?:option|choice)\b))"
    r"|(?i:\b(?:think|believe|say|guess|going with|leaves|so|thus|therefore|hence|then|actually"
    rf"|no)),?(?=[ \t]{_ENDS})"
    r"|^[\s{(\[]*(?i:(?:choose|pick|select)\b|(?=(?:choice|option)\b)"
    rf"|(?:must be|probably|likely|definitely|certainly|clearly)(?-i:(?=[ \t]{_ENDS})))"
)
"""What the letter that an output takes stands behind, without the word answer."""
LEAD = re.compile(
    r"(?i:[ \t\n]*(?:(?:the|option|choice|letter|number|answer|correct|clearly|therefore|definitely"
    r"|thus|then|still|simply|la|le|el|die|donc|also|a(?=[ \t]+letra)|lettre|letra)"
    r"(?=[\s(\[{:])[ \t]*:?[ \t]*|选项[ \t]*){0,4})"
)
OPEN = r"(?:<|[(\[{\"'“‘«【「]{0,3}[ \t]?)"
CLOSE = r"(?:>|[ \t]?[)\]}\"'”’»】」]{0,3})"
JOINED = re.compile(
    r"[ \t]*(?:[,;./&+]?[ \t]*\b(?:or|and)\b(?:[ \t]+(?:possibly|maybe|perhaps|even|also))?"
    r"|[,;/&+、或和])"
    r"[ \t]*(?i:option )?|[ \t]+(?=\(?[A-Z]\)?[ \t.]*(?:\n|$))"
)
_ONE = r"(?:(?:option|choice)[ \t]+)?[(\[]?(?-i:[A-Z])[)\]]?(?![\w'’-])"
RULED_OUT = re.compile(
    r"(?i:\b(?:not|neither|isn['’]t|never|rather than|instead of|unlike|except"
    r"|(?:can(?:not|['’]t)|couldn['’]t)[ \t]+be)[ \t]+(?:either[ \t]+)?"
    rf"{_ONE}(?:[ \t]*(?:,(?:[ \t]*(?:or|nor|and)\b)?|\b(?:or|nor|and)\b)[ \t]*{_ONE})*)"
)
"""Letters that a sentence names to say that they are not the answer."""
_OF_IT = r"(?:\b(?:[Tt]his|[Ii]t|[Tt]hat)[ \t]+)?"  # (B) This is correct.
DENIED = re.compile(
    rf"[ \t]*(?:[.:)–—-][ \t]*)?{_OF_IT}"
    r"(?:\b(?:is|was|seems|looks|cannot be|can't be)\b|isn't\b)?[ \t]*"
    r"(?:clearly |also |therefore )?(?:\b(?:not\b|[Ww]rong|[Ii]ncorrect|false|ruled out"
    r"|eliminated|too\b|isn't|cannot be|can't be)|[❌✗✘✖])"
)
NAMES_IT = re.compile(  # words before a bare letter that names a choice, not a vitamin
    r"(?i:\b(?:is|be|was|option|choice|letter|answer|statement|to|with|or|and|either|both"
    r"|choose|pick|select|say|correct|only|indeed|actually|likely|probably|definitely|clearly|so"
    r"|thus|then|still|simply|just|in|by|number|surely|than|of|for|the|it's|that's|hence|therefore"
    r"|because|since|while|that|if|but|think|believe|est|es|ist))[ \t]+$"
)
NONE = re.compile(
    r"(?i:\b(?:none|neither|unclear|unknown|cannot|can't|both|all of|not (?:sure|listed|given))\b)"
)
END = re.compile(r"(?<![ie]\.[eg])[.;!?](?=\s|$)|\n")
GOES_ON = re.compile(r"[ \t]+[A-Za-z]?[a-z]")
SMALL_ENDS = re.compile(r"[ \t]*(?:[.,;:!)\n]|$)|[ \t]+(?:because|since)\b")
_OPERATORS = r"[ \t]*[=<>×∪∩∘·⊂⊆⊕≤≥≈≠÷≡∈]"
EXPRESSION = re.compile(rf"{_OPERATORS}|\(\w\)|\[\d|[♭♯#]|\+\+|--|\.[A-Za-z]\b")  # or A.D.
OPERATED = re.compile(rf"{_OPERATORS}[ \t]*$|[A-Za-z]\.$")
_WORDS = r"(?i:because|since|as|is|due|given|with|which|for|but|and|or|so|not)\b"
REASONS = re.compile(rf"[ \t]+{_WORDS}")
ADJECTIVE = re.compile(  # it is B cells; we choose B as the origin
    rf"[ \t]*[A-Z][ \t]+(?:(?!{_WORDS})[a-z]|as[ \t]+(?!(?:my|the|our)\b)"
    r"|as[ \t]+(?:the|our)[ \t]+(?!(?:final|correct|right|best)?[ \t]*(?:answer|choice|option)))"
)
CLAUSE = re.compile(r"[ \t]+(?!(?:or|and)\b)[a-z]")
NUMERALS = re.compile(r"[ \t]*(?:,|&|/|\band\b|\bor\b)[ \t]*(?:and[ \t]+)?[IVX]+\b")
RIGHT = (  # of a choice, not of what it measures: "the right angle", "the best known"
    r"(?:[ \t]*[.:–—-]?[ \t]*[✅✓✔]|[ \t]*[.:–—-][ \t]*[Cc]orrect(?=[ \t]*(?:[.!,✅\n]|$))"
    rf"|(?:[ \t]*[.:–—-])?[ \t]+{_OF_IT}(?:is|must be|seems|looks)[ \t]+(?:the[ \t]+)?"
    r"(?:only[ \t]+)?(?:best|better|correct|right|true|answer)\b(?=[ \t]*(?:[^\w\s]|\n|$)"
    rf"|[ \t]+(?:(?:answer|option|choice|one|statement|here|based)\b|{_WORDS})))"
)
WEIGHED = re.compile(  # "(A) is tempting" begins a sentence on a choice, and is no choice made
    r"\)?[ \t]+(?:is|was|seems|looks|fits|can|could|may|might|would|has|does)\b"
)
SUPPOSED = re.compile(r"(?i:\b(?:if|whether|suppos(?:e|ing)|assum(?:e|ing))\b)")
CONSIDERED = re.compile(r"(?i:\b(?:if|look(?:ing)?|consider(?:ing)?|check(?:ing)?|let's|let us)\b)")
NO_WORD = r"(?![^\W\u3040-\u9fff\uac00-\ud7a3])"  # a Chinese letter stands right behind
