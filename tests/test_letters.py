"""Letters in answers at length: what an output weighs, doubts, takes back or goes on with."""

from __future__ import annotations

import pytest

from distilbench.tasks import extract

TAKEN = {
    # A statement that the output itself does not make, and the one that it makes.
    "Some might think the answer is A, but it's B.": "B",
    "You might think the answer is A, but B is correct.": "B",
    "At first glance the answer is A. However, option B is correct.": "B",
    "The answer is B. If the question had asked for mass, the answer would be C.": "B",
    "If we ignore friction, the answer would be C.": "C",
    "The answer is A? No. It's B.": "B",
    "The answer could be B.": "B",
    # Thought again.
    "The answer is B. Hmm, wait. Actually, it's C.": "C",
    "The answer is B. Wait, no, it should be C.": "C",
    "Answer: B\n\nWait, let me recheck. Actually, C is correct.": "C",
    "The answer is B. Wait, let me check A: it is too small. So B holds.": "B",
    "I think the answer is either B or C, but I'd go with B.": "B",
    # Letters that are ruled out, or part of what the choice says.
    "The answer is neither A nor C; it is B": "B",
    "The answer is not A, B, or C, so it's D.": "D",
    "It can't be A or B. So C.": "C",
    "Answer: Both A and B (C)": "C",
    "The answer is 42, i.e. option B.": "B",
    "Option A: incorrect\nOption B: correct\nOption C: incorrect": "B",
    "(A) This is incorrect.\n(B) This is correct.\n(C) This is incorrect.": "B",
    "A. Incorrect.\nB. Correct.\nC. Incorrect.": "B",
    "A) ✗\nB) ✓\nC) ✗": "B",
    # Conclusions without the word.
    "I and II hold, so B.": "B",
    "Therefore, B.": "B",
    "I think B.": "B",
    "That leaves D.": "D",
    "Clearly B.": "B",
    "x = 42, which is option D": "D",
    "This corresponds to option D.": "D",
    "Among the options given, the correct one is B.": "B",
    "My choice is B.": "B",
    # Forms of programs, LaTeX and chat templates.
    '{"answer": "B", "explanation": "A is wrong"}': "B",
    "A: (B) ice": "B",
    "B<|eot_id|>": "B",
    "\\boxed{\\text{Option B}}": "B",
    "$\\boxed{\\,B\\,}$": "B",
    "b. 4": "B",
    "The answer is... B!": "B",
    # A base model that goes on with another question.
    "The answer is B.\n\nUser: What is it?\nAnswer: C": "B",
    "The answer is B.</s><s>[INST] next [/INST] The answer is C": "B",
    "B\n\nThe following is a multiple choice question.\nAnswer: D": "B",
    # Other languages.
    "因此,选择B选项": "B",
    "【答案】B": "B",
    "答案是选项B": "B",
    "正解はBです。": "B",
    "정답은 B입니다.": "B",
    "Правильный ответ — B.": "B",
    "A resposta correta é a letra B.": "B",
    "La opción correcta es la B.": "B",
    "Die Antwort lautet B.": "B",
}
NONE_TAKEN = [
    # Cut while it weighs the choices.
    "* Muscle (A) is made of long cells.\n* Shoot tips (B) grow.\n* Leaf veins (C) are composed of",
    "If we look at (A), it says that this is the best plan. That is",
    "(A) is tempting. (B) looks good. Let us see why it",
    # Words and names that are one letter.
    "The force is pressure (P) times area (A).",
    "Let A be the event. P(A) = 0.5",
    "If A is true, then B is false.",
    "Assume that C is true.",
    "It's hard to tell whether B is correct.",
    "where A is the right angle of the triangle",
    "C is the best known of these languages",
    "Therefore, person A is correct.",
    "vitamin C is the best",
    "We pick B as pivot and continue",
    "Let's choose A = (0,0).",
    "The answer is I and II",
    "The answer is A Tale of Two Cities",
    "The answer is A.M.",
    "The answer is B.C. 300",
    # Expressions.
    "The answer is A = 5",
    "The answer is A ∪ B",
    "The answer is D > 5",
    "The answer is A(x)",
    "hence A = B.",
    # Hedges.
    "The answer is (a) or (b)",
    "the answer is a, b",
    "The answer could be A. The answer could be B.",
]


@pytest.mark.parametrize(("text", "letter"), TAKEN.items())
def test_the_letter_that_an_output_takes(text: str, letter: str) -> None:
    assert extract(text, "choice", letters="ABCDEFGHI" if " II" in text else "ABCD") == letter


@pytest.mark.parametrize("text", NONE_TAKEN)
def test_a_letter_that_an_output_does_not_take(text: str) -> None:
    letters = "ABCDEFGHI" if " II" in text else "ABCD"
    assert extract(text, "choice", letters=letters) is None


@pytest.mark.parametrize("before", [*NONE_TAKEN, "The answer is A.\nWait."])
def test_what_stands_before_a_statement_does_not_change_it(before: str) -> None:
    """A statement behind anything else is the answer."""
    for said in ("The answer is D.", "**Answer:** (D) iron", "$\\boxed{D}$ is my answer: D"):
        assert extract(f"{before}\n\n{said}", "choice", letters="ABCD") == "D"
