"""Answers as models and people write them: letters, numbers, boxes, mathematics."""

from __future__ import annotations

import string
import time
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.tasks import (
    FileTask,
    ReasoningGymTask,
    extract,
    grade,
    judge,
    make_questions,
    vote_of,
)
from distilbench.tasks._choice import letters_in
from distilbench.tasks._numbers import last_number, rational

LETTERS = {
    "The correct answer is:\n\n**C) Paris**": "C",
    "Therefore, the answer is $\\boxed{\\text{(D)}}$": "D",
    "<answer>B</answer>": "B",
    'So: {"answer": "B"}': "B",
    "[[B]]": "B",
    "The answer is A because B is too small.": "A",
    "The answer is A.\nWait, the answer is C.": "C",
    "The answer is \\( B \\)": "B",
    "The best option is D": "D",
    "Option D is correct.": "D",
    "I'd go with (B).": "B",
    "The answer is not B, it is C.": "C",
    "Answer:\nB": "B",
    "The answer: option (C).": "C",
    "Answer = D": "D",
    "答案：B": "B",
    "The answer to the question is D": "D",
    "A) ice melts first": "A",
    "A. ice\nB. iron\nC. sand\n\nAnswer: C": "C",
    "I hope this answer is helpful!\n\nB": "B",
    "C\nBecause A is wrong": "C",
    "(c)": "C",
    "answer: (a)": "A",
    "### Final Answer\n\n**D. Gravity**": "D",
    "I would choose option C because it fits.": "C",
    "The answer is not A. It is B.": "B",
    "The answer can't be A, so it must be B.": "B",
    "I think it's C.": "C",
    "C is the answer.": "C",
    "The correct statement is B.": "B",
    "The answer, therefore, is B.": "B",
    "Answer - B": "B",
    "**Answer** B": "B",
    "✅ B": "B",
    "> **B. Iron**": "B",
    "The answer is <B>.": "B",
    "A: B": "B",
    "B - Iron": "B",
    "B because A is wrong": "B",
    "La respuesta correcta es la B.": "B",
    "Die richtige Antwort ist B.": "B",
    "因此答案是B项": "B",
    "故选D。": "D",
    "(A) is wrong, (B) is right.": "B",
    "Answer: A is incorrect, so B.": "B",
    "The answer is B, C is wrong.": "B",
    "The answer is B not A": "B",
    "The answer is D: A and B are both true.": "D",
    "The answer is B.\n\nQuestion: Which?\nA. x\nB. y\nAnswer: A": "B",
    "Question: Which?\nA. x\nB. y\nAnswer: B": "B",
}
NO_LETTER = [
    "A\nB\nC",
    "Answer: A B",
    "Answer: A; B",
    "Answer: A+B",
    "Answer: A. and B.",
    "The answer is A or possibly B.",
    "答案应该是 A、B",
    "Answer: Vitamin C",
    "The answer is hepatitis B.",
    "Answer: John B. Goode",
    "(A) is wrong.",
    "A) is incorrect",
    "The answer is not A; it is B cells.",
    "B or C",
    "The answer is A/B",
    "The answer is either A or B",
    "The answer is A, B, and C.",
    "Both (A) and (B)",
    "Answer: A dog",
    "The answer is not B.",
    "The answer is Paris. (A) London is wrong.",
    "The answer is E.",
    "The answer is C++",
    "A. ice\nB. iron\nC. sand",
    "A cat sat",
    "it's ABBA",
]


@pytest.mark.parametrize(("text", "letter"), LETTERS.items())
def test_a_letter_is_found_through_what_is_around_it(text: str, letter: str) -> None:
    assert extract(text, "choice", letters="ABCD") == letter


@pytest.mark.parametrize("text", NO_LETTER)
def test_a_hedge_an_article_and_a_letter_that_is_not_offered_are_no_answer(text: str) -> None:
    assert extract(text, "choice", letters="ABCD") is None


SAYS = [
    "The answer is {}.", "Answer: {}", "{}", "({})", "**{}**\n", "$\\boxed{{{}}}$", "answer: {}",
    "{} is correct.", "I choose {}.", "So {}.", "not {}", "\n", "Wait, it is {}.", "{}) ice",
    "the correct option is {}", "答案：{}", "A: {}", " or ", " and ",
]  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(SAYS), st.sampled_from(string.ascii_letters)),
        min_size=1,
        max_size=5,
    ).map(lambda parts: "".join(form.format(letter) for form, letter in parts)),
    st.sampled_from(["AB", "ABCD", "ACD", "BCE"]),
)
def test_a_letter_that_is_not_offered_is_never_picked(text: str, offered: str) -> None:
    for how in ("choice", "boxed_choice"):
        found = extract(text, how, letters=offered)
        assert found is None or found in offered


@given(st.sampled_from("ABCD"), st.sampled_from(["{}", "({})", "**{}**", "$\\text{{{}}}$", "[{}]"]))
def test_a_stated_letter_is_found_in_any_dress(letter: str, dress: str) -> None:
    dressed = dress.format(letter)
    for form in ("The answer is {}.", "Answer: {}", "**Answer:** {}\nNote (A), (B).", "{}"):
        text = form.format(dressed)
        assert extract(text, "choice", letters="ABCD") == letter, text
        assert extract(text, "choice") == letter, text


def test_the_letters_of_a_question_are_those_it_lists() -> None:
    assert letters_in("Which?\nOptions:\n(A) ice\n(B) iron\n(C) sand") == "ABC"
    assert letters_in("Which?\nA. ice\nB) iron") == "AB"
    assert letters_in("In (A) we saw. Which?\n(A) ice\n(B) iron") == "AB"
    assert letters_in("What is plan A. and why?") is None


def test_the_letters_of_a_question_reach_its_scorer(tmp_path: Path) -> None:
    """Of choices in columns, and of those that the question itself lists."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "Which?\\n(A) ice\\n(B) iron", "answer": "(B)"}\n')
    spec = FileTask(file=path, extract="choice", grader="exact")
    question = make_questions(spec, 0).questions[0]
    assert (question.target, question.letters) == ("B", "AB")
    assert judge(spec, "The answer is C. No: (B)", question) == 0.0
    assert judge(spec, "Answer: (B)", question) == 1.0
    path.write_text('{"question": "Which?", "c": ["ice", "iron", "sand"], "answer": "C"}\n')
    spec = FileTask(file=path, choices="c")
    question = make_questions(spec, 0).questions[0]
    assert (question.target, question.letters) == ("C", "ABC")
    assert judge(spec, "The answer is **C**.", question) == 1.0


NUMBERS = {
    ".5": "0.5", "−5": "-5", "x = −5.": "-5", "12{,}345": "12345", "12\\,345": "12345",
    "12\u202f345": "12345", "1'234": "1234", "12 345 678": "12345678", "12,34,567": "1234567",
    "3 \\times 10^{8}": "300000000", "2.5 × 10⁻³": "0.0025", "2·10^3": "2000", "1.5E6": "1500000",
    "1e-3": "0.001", "from 2010-2012": "2012", "2010–2012": "2012", "40 m^2": "40",
    "40 m²": "40", "9 cm^{3}": "9", "a 3-year-old": "3", "COVID-19": "19", "9 - 2": "2",
    "$-4$": "-4", "-$5": "-5", "$1,234.50.": "1234.50", "£.50": "0.50", "\\$7": "7",
    "\\frac{3}{4}": "3/4", "-\\dfrac{3}{4}": "-3/4", "1\\frac{1}{2}": "3/2", "1 1/2": "3/2",
    "2^{10}": "2^{10}", "50\\%": "50", "H2O, 7": "7", "- 7 apples": "7", "(3, 5)": "5",
    "on 2024-01-05.": "2024-01-05", "2024-01-05 to 2024-02-06": "2024-02-06", "1-2-3": "3",
    "70 000": "70000", "on page 5 100 words": "100", "½": "1/2", "3½ cups": "7/2",
    "2**10": "2^{10}", "**2** and **10**": "10", "it is negative 3": "-3", "It is minus 3": "-3",
    "5 minus 3": "3", "1.250,50 €": "1250.50", "1.234.567": "1234567",
    "so 0.1\\overline{6}": "1/6", "5,\\!040": "5040", "0.333...": "1/3",
    "0.33...": "0.33",
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_the_last_number_in_the_forms_people_write(text: str, number: str) -> None:
    assert extract(text, "last_number") == number


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4, allow_nan=False))
def test_a_number_in_any_form_comes_back_equal(value: object) -> None:
    exact = Fraction(str(value))
    sign, plain = ("-" if exact < 0 else ""), f"{abs(float(exact)):.4f}"
    whole, _, part = plain.partition(".")
    exact = Fraction(f"{sign}{plain}")
    grouped = f"{int(whole):,}"
    forms = [
        f"{sign}{plain}",
        f"{sign}{plain}".replace("-", "−"),
        f"{sign}{grouped}.{part}",
        f"{sign}${grouped}.{part}",
        f"{sign}{grouped.replace(',', '{,}')}.{part}",
        f"{sign}{grouped.replace(',', chr(92) + ',')}.{part}",
        f"{sign}{int(whole + part)}e-4",
        f"{sign}{int(whole + part)} \\times 10^{{-4}}",
        f"{sign}\\frac{{{int(whole + part)}}}{{10000}}",
        f"{sign}{int(whole + part)}/10000",
    ]
    for form in forms:
        assert rational(form) == exact, form
        for text in (form, f"So x = {form}.", f"it is {form} m^2"):
            found = last_number(text)
            assert found is not None, text
            assert rational(found) == exact, text


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("So \\boxed {5}.", "5"),
        (r"$\boxed{\left\{1,2\right\}}$", r"\left\{1,2\right\}"),
        (r"$\boxed{\left\{x \mid x>0\right.}$", r"\left\{x \mid x>0\right."),
        (r"\boxed{a} then \fbox{b}", "b"),
        (r"\boxed{\sqrt{2}} \boxed{3", None),
        (r"so $\boxed 5$.", "5"),
        (r"so $\boxed5.$", "5"),
        (r"\boxed{5} is \boxed 6", "5"),
        (r"\boxed", None),
    ],
)
def test_boxes(text: str, inside: str | None) -> None:
    assert extract(text, "boxed") == inside


EQUAL = [
    (r"\text{Yes}", "yes"), (r"\mathbf{4}", "4"), (r"\textbf{(0, 1]}", "(0,1]"),
    ("1{,}234", "1234"), (r"12\,000", "12000"), (r"90^\circ", "90"), (r"\$5", "5"), ("50\\%", "50"),
    ("50%", "0.5"), (r"\left(\frac{1}{2}, 3\right)", "(0.5,3)"), (r"\{2,1\}", r"\{1,2\}"),
    ("5!", "120"), ("3.141593", r"\pi"), ("0.333333", "1/3"), ("1e-7", "0.0000001"),
    (r"4\frac{2}{3}", r"\frac{14}{3}"), (r"2\sqrt{3}", r"\sqrt{12}"), ("x=5", "5"),
    (r"4\,\text{cm}", "4"), ("−5", "-5"),
    (r"5\,\text{cm}^2", "5"), ("5", r"5 \text{ m}^{3}"), (r"0.1\overline{6}", r"\frac{1}{6}"),
    (r"-0.\overline{3}", "-1/3"), (r"\mathbf{\frac{1}{2}}", "0.5"), ("2516_8", "2516_{8}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
    ("0.30000000000000004", "0.3"), ("0.666666", "2/3"), ("0.333...", "1/3"),
    ("12 dollars", "12"), (r"\text{12 dollars}", "12"), (r"\frac{3}{4}\text{ cup}", "3/4"),
    (r"4\text{ m/s}", "4"), ("12", "12 square feet"), (r"\emptyset", r"\varnothing"),
    (r"n\pi, n\in\mathbb{Z}", r"n\pi, n \in \mathbb{Z}"), ("12 345", "12345"), (r"\log_2 8", "3"),
    (r"\{1, 2\}", "1,2"), (r"[0,1]", r"0 \le x \le 1"),
]  # fmt: skip
DIFFERENT = [
    ("(0,1]", "[0,1)"), ("[1,2]", "(1,2)"), ("5!", "5"), ("f'", "f"), ("f'(x)", "f(x)"),
    ("0.0000001", "0.0000002"), (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
    ("(1, 0.0000001)", "(1, 0.0000002)"), (r"x+10^{-9}", "x"), ("10^{20}+1", "10^{20}"),
    ("0.33", "1/3"), ("0.0000003", "1/3000001"), (r"(-\infty,0]", r"(-\infty,0)"), ("1 2", "12"),
    ("12,34", "1234"), (".5", "5"), ("a*", "a"), (";", ":"), ("0.5", "50%"),
    ("2024-01-05", "2024-05-01"), ("2018", "2024-01-05"),
    ("1.0000001", "1"), ("2516_8", "2516_7"), (r"1011_{2}", "1011_3"), (r"0.\overline{3}", "0.3"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 2 \\ 1 \end{pmatrix}"),
    ("1 2", "3"), ("5 cm", "5 m"), (r"10 \text{ cents}", "10 dollars"), ("10 or more", "10"),
    (r"\ge 5", "5"), ("x>5", "5"), ("(0,1)", r"\{0,1\}"), ("3 million", "3"), ("2 dozen", "2"),
    ("2x", "2"), ("3 i", "3"), (r"2\pi", "2"), ("5 cubed", "5"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "target"), EQUAL)
def test_equal_in_mathematics(answer: str, target: str) -> None:
    assert grade(answer, target, "math") == 1.0


@pytest.mark.parametrize(("answer", "target"), DIFFERENT)
def test_not_equal_in_mathematics(answer: str, target: str) -> None:
    assert grade(answer, target, "math") == 0.0


@pytest.mark.parametrize(
    ("answer", "target", "score"),
    [
        (")", "] )", 0.0), ("(0,1]", "[0,1)", 0.0), ("Paris!", "Paris", 0.0), ("f'", "f", 0.0),
        (".5", "5", 0.0), ("**Paris**", "paris", 1.0), ("'Paris'", "Paris", 1.0),
        (r"\text{Yes}", "Yes", 1.0), (r"\(7\)", "7", 1.0), ("Paris.", "paris", 1.0),
        (";", ":", 0.0), ("cafe\u0301", "caf\u00e9", 1.0),
    ],
)  # fmt: skip
def test_the_same_text(answer: str, target: str, score: float) -> None:
    assert grade(answer, target, "exact") == score


def test_a_generated_task_accepts_text_in_a_box() -> None:
    spec = ReasoningGymTask(reasoning_gym="syllogism", templates=("boxed",), questions=2)
    for question in make_questions(spec, 0).questions:
        assert judge(spec, rf"So $\boxed{{\text{{{question.target}}}}}$.", question) == 1.0


def test_votes_are_equal_where_the_grader_holds_answers_equal() -> None:
    assert vote_of("1{,}234", "5", 0, "math") == vote_of("1234", "5", 0, "math")
    assert vote_of(r"\frac{1}{2}", "5", 0, "math") == vote_of("0.5", "5", 0, "math")
    assert vote_of("(0,1]", "5", 0, "math") != vote_of("[0,1)", "5", 0, "math")


SOLUTION = "{a} + {b} = <<{a}+{b}={c}>>{c} so she has ${c}.\n#### {mark}"


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.booleans())
def test_labelled_solutions_in_the_form_of_gsm8k_agree(a: int, b: int, grouped: bool) -> None:
    c = a + b
    text = SOLUTION.format(a=a, b=b, c=c, mark=f"{c:,}" if grouped else c)
    assert grade(extract(text, "####"), str(c), "math") == 1.0
    assert grade(extract(text, "####"), str(c + 1), "math") == 0.0


@pytest.mark.parametrize(
    "unit",
    [
        "A ",
        "answer is A or ",
        "(A) ",
        "*",
        " - ",
        "1,1",
        "111,",
        "$-",
        "\\text{",
        "{,}",
        "  ",
        "# ",
        "- ",
        "A\n",
        "answer, ",
        "answer,",
        "\\boxed ",
        "½",
        "1 0",
        "2**",
        "it is ",
        "\nQ: A",
        "answer\n",
        "B, ",
        "é",
    ],
)
@pytest.mark.parametrize("how", ["choice", "last_number", "boxed_choice"])
def test_hostile_text_takes_no_time(how: str, unit: str) -> None:
    started = time.process_time()
    extract(unit * 100_000, how, letters="ABCD")
    grade(unit * 60, "7", "math")
    assert time.process_time() - started < 10
