"""Data files: what a file says is what is asked and compared, or a row is refused by its number.

Rows have the form of the benchmarks' own files; their words are made up.
"""

from __future__ import annotations

import codecs
import gzip
import json
import time
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from distilbench.errors import InputError
from distilbench.report import write_report
from distilbench.runner import run_suite
from distilbench.tasks import FileTask, QuestionSet, extract, make_questions

BBH = Path(__file__).parents[2] / "shared" / "data" / "bbh"
LETTERS = {"choices": "choices", "question": "q"}


def asked(folder: Path, content: str | bytes, name: str = "d.jsonl", **task: Any) -> QuestionSet:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return make_questions(FileTask.model_validate({"file": str(path), **task}), 0)


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def targets(folder: Path, content: str | bytes, name: str = "d.jsonl", **task: Any) -> list[str]:
    return [question.target for question in asked(folder, content, name, **task).questions]


def refusal(folder: Path, content: str | bytes, name: str = "d.jsonl", **task: Any) -> str:
    with pytest.raises(InputError) as caught:
        asked(folder, content, name, **task)
    return str(caught.value)


# References


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("5e-05", "0.00005"),
        ("1e-7", "0.0000001"),
        ("-2.50E+3", "-2500"),
        ("3", "3"),
        ("3.0", "3.0"),
        ("0.10", "0.10"),
        ("9007199254740993", "9007199254740993"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("1" + "0" * 5000, "1" + "0" * 5000),
        ("1e400", "1e400"),
    ],
)
def test_a_number_keeps_its_digits_whatever_stands_beside_it(
    tmp_path: Path, written: str, target: str
) -> None:
    rows = f'{{"question": "a", "answer": {written}}}\n{{"question": "b", "answer": 0.5}}\n'
    for rule in ("last_number", "####", "boxed", "whole"):
        made = asked(tmp_path, rows, extract=rule).questions
        assert [q.target for q in made] == [target, "0.5"]
        assert made[0].worked == target


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None))
def test_every_decimal_of_a_file_keeps_its_value(
    tmp_path_factory: pytest.TempPathFactory, value: Decimal
) -> None:
    row = f'{{"question": "a", "answer": {str(value).replace("E", "e")}}}\n'
    (target,) = targets(tmp_path_factory.mktemp("d"), row)
    assert Decimal(target) == value


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    columns = {
        "whole": pl.Series([9007199254740993], dtype=pl.Int64),
        "small": pl.Series([5e-05], dtype=pl.Float64),
        "single": pl.Series([0.1], dtype=pl.Float32),
        "decimal": pl.Series([Decimal("1.50")], dtype=pl.Decimal(10, 2)),
        "date": pl.Series([date(2024, 1, 5)]),
        "category": pl.Series(["7 km"], dtype=pl.Categorical),
        "flag": pl.Series([True]),
    }
    right = {
        "whole": "9007199254740993",
        "small": "0.00005",
        "single": "0.1",
        "decimal": "1.50",
        "date": "2024-01-05",
        "category": "7 km",
        "flag": "true",
    }
    path = tmp_path / "d.parquet"
    table = pl.DataFrame({"question": ["q"], **columns, "bytes": [b"7"], "none": [float("nan")]})
    table.write_parquet(path)
    for column, target in right.items():
        spec = FileTask(file=path, answer=column, extract="whole")
        assert make_questions(spec, 0).questions[0].target == target
    for column, words in (("bytes", "row 1: column 'bytes' holds bytes"), ("none", "nan")):
        with pytest.raises(InputError, match=words):
            make_questions(FileTask(file=path, answer=column), 0)


def test_texts_of_a_csv_stay_as_they_are(tmp_path: Path) -> None:
    table = 'question,answer\r\na,007\r\nb,"1,000"\r\nc,NA\r\nd,None\r\ne,TRUE\r\nf,2024-01-05\r\n'
    right = ["007", "1,000", "NA", "None", "TRUE", "2024-01-05"]
    assert targets(tmp_path, table, "d.csv", extract="whole") == right
    tabbed = table.replace('"1,000"', "1.000").replace(",", "\t")
    assert targets(tmp_path, tabbed, "d.tsv", extract="whole")[1] == "1.000"


@pytest.mark.parametrize(
    ("written", "target"),
    [
        (".5", "0.5"), ("-.5", "-0.5"), ("−5", "-5"), ("+7", "7"), ("1e-3", "0.001"),
        ("2.5E3", "2500"), ("007", "007"), ("3.0", "3.0"), ("9007199254740993", "9007199254740993"),
        ("$1,000.50", "1000.50"), ("12,34,567 rupees", "1234567"), ("12 apples", "12"),
    ],
)  # fmt: skip
def test_a_number_written_as_text(tmp_path: Path, written: str, target: str) -> None:
    assert targets(tmp_path, lines({"question": "q", "answer": written})) == [target]


@pytest.mark.parametrize(
    "written",
    [
        *("5!", "5²", "sqrt(2)", "2\\pi", "√2", "2^{10}", "3π", "6 million", "2 dozen", "101_2"),
        *("0b101", "log 5", "5i", "1.5.2", "≥5", "\\ge 5", "5 or more", "at least 5"),
    ],
)
def test_an_expression_is_not_the_number_in_it(tmp_path: Path, written: str) -> None:
    said = refusal(tmp_path, lines({"question": "q", "answer": written}))
    assert "row 1: column 'answer' holds an expression" in said
    assert "extract: whole" in said


def test_boxes_side_by_side_are_not_the_last_of_them(tmp_path: Path) -> None:
    for written in (r"\boxed{1}, \boxed{2}", r"$\boxed{1}$ and $\boxed{2}$"):
        row = lines({"question": "q", "answer": written})
        assert "several boxes side by side" in refusal(tmp_path, row, extract="boxed")
    worked = lines({"question": "q", "answer": r"First \boxed{1} fails. So \boxed{2}."})
    assert targets(tmp_path, worked, extract="boxed") == ["2"]


def test_a_list_as_numpy_writes_it_is_not_one_choice(tmp_path: Path) -> None:
    """Python joins texts that stand side by side."""
    for written in ("['ice' 'iron' 'sand']", "['ice', 'iron' 'sand']"):
        content = f'question,choices,answer\nWhich?,"{written}",A\n'
        assert "without commas" in refusal(tmp_path, content, "d.csv", choices="choices")
    content = "question,choices,answer\nWhich?,\"['a ', 'it\\'s', 'c']\",C\n"
    assert targets(tmp_path, content, "d.csv", choices="choices") == ["C"]


@pytest.mark.parametrize("written", ["10,20", "3,5", "1,2,3", "(1, 2)", "1.5 to 2"])
def test_a_pair_or_a_decimal_comma_is_no_thousand(tmp_path: Path, written: str) -> None:
    said = refusal(tmp_path, lines({"question": "q", "answer": written}))
    assert "holds more than one number" in said


@pytest.mark.parametrize(
    "answer", ["5 feet 3 inches", "2:3", "between 4 and 6", "9 - 2 = 7", "about 3,\nor 4"]
)
def test_a_reference_is_never_cut_to_its_last_number_in_silence(
    tmp_path: Path, answer: str
) -> None:
    rows = lines({"question": "q", "answer": "12 apples"}, {"question": "r", "answer": answer})
    said = refusal(tmp_path, rows)
    assert "row 2: column 'answer' holds more than one number" in said
    assert "answer_is: worked" in said
    assert targets(tmp_path, rows, extract="whole") == ["12 apples", answer]
    last = answer.split()[-1] if answer != "5 feet 3 inches" else "3"
    assert targets(tmp_path, rows, answer_is="worked") == ["12", last.rpartition(":")[2]]


def test_a_date_is_compared_whole_or_not_at_all(tmp_path: Path) -> None:
    rows = lines({"question": "q", "answer": "2024-01-05"})
    assert targets(tmp_path, rows, extract="whole") == ["2024-01-05"]
    if extract("2024-01-05", "last_number") == "2024-01-05":
        assert targets(tmp_path, rows) == ["2024-01-05"]
    else:  # an output's date would lose its year and month
        assert "extract: whole" in refusal(tmp_path, rows)


def test_worked_solutions_need_no_preparation(tmp_path: Path) -> None:
    solved = {"question": "q", "answer": "3+4=<<3+4=7>>7 apples.\n#### 7"}
    assert targets(tmp_path, lines(solved)) == ["7"]
    assert targets(tmp_path, lines(solved), extract="####") == ["7"]
    boxed = {"question": "q", "answer": "We add 3 and 4, so \\boxed{\\frac{7}{2}}."}
    assert targets(tmp_path, lines(boxed), extract="boxed") == ["\\frac{7}{2}"]
    plain = {"question": "r", "answer": "\\frac{7}{2}"}
    assert targets(tmp_path, lines(plain), extract="boxed") == ["\\frac{7}{2}"]
    # Where other solutions have a box, one without it was cut: its whole text is no answer.
    assert "row 2" in refusal(tmp_path, lines(boxed, plain), extract="boxed")
    assert "row 1" in refusal(
        tmp_path, lines({"question": "q", "answer": "We add. " * 40}), extract="boxed"
    )


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (["4", "four"], ["a list", "answer.0"]),
        ({"value": "4", "aliases": ["four"]}, ["an object", "answer.value"]),
        (None, ["is empty"]),
        ("  ", ["is empty"]),
        ("a\0b", ["NUL"]),
        ("\ud800", ["surrogate"]),
    ],
)
def test_what_is_no_single_text_is_refused_with_its_row(
    tmp_path: Path, answer: Any, words: list[str]
) -> None:
    rows = lines({"question": "q", "answer": "5"}, {"question": "r", "answer": answer})
    said = refusal(tmp_path, rows, extract="whole")
    for word in ("d.jsonl: row 2: column 'answer'", *words):
        assert word in said


def test_one_value_of_a_list_or_an_object_can_be_named(tmp_path: Path) -> None:
    rows = lines({"question": "q", "answers": {"text": ["4", "four"], "answer_start": [3, 3]}})
    assert targets(tmp_path, rows, answer="answers.text.0") == ["4"]
    assert "row 1: column 'answers.text' holds a list" in refusal(
        tmp_path, rows, answer="answers.text"
    )
    assert "has no column 'answers.texts'" in refusal(tmp_path, rows, answer="answers.texts")
    assert "answers.text, answers.answer_start" in refusal(tmp_path, rows, answer="no")


# Choices


def test_an_integer_is_an_index_also_where_choices_are_numbers(tmp_path: Path) -> None:
    """As in MMLU's files of Hugging Face."""
    row = {"q": "Order of 3?", "subject": "algebra", "choices": ["1", "2", "3", "4"], "answer": 3}
    assert targets(tmp_path, lines(row, {**row, "answer": 0}), **LETTERS) == ["D", "A"]
    numbers = {**row, "choices": [1, 2, 3, 4], "answer": 1}
    assert targets(tmp_path, lines(numbers), **LETTERS) == ["B"]
    assert targets(tmp_path, lines(numbers), **LETTERS, answer_is="text") == ["A"]
    path = tmp_path / "d.parquet"
    pl.DataFrame([row, {**row, "answer": 1}]).write_parquet(path)
    made = make_questions(FileTask(file=path, **LETTERS), 0)
    assert [q.target for q in made.questions] == ["D", "B"]


def test_digits_of_a_csv_are_refused_where_they_may_be_index_or_text(tmp_path: Path) -> None:
    table = "q,a,b,c,d,answer\nOrder?,1,2,3,4,3\nUnits?,0,2,1,4,1\n"
    columns = {"question": "q", "choices": ("a", "b", "c", "d")}
    said = refusal(tmp_path, table, "d.csv", **columns)
    assert "row 1: the answer '3' is choice" in said
    assert "answer_is: index" in said
    assert targets(tmp_path, table, "d.csv", **columns, answer_is="index") == ["D", "B"]
    assert targets(tmp_path, table, "d.csv", **columns, answer_is="text") == ["C", "C"]
    assert targets(tmp_path, table, "d.csv", **columns, answer_is="index_from_1") == ["C", "A"]
    # Where no choice is such a number, there is only one way to read it.
    table = "q,a,b,answer\nOrder?,x,y,1\nUnits?,y,x,0\n"
    assert targets(tmp_path, table, "d.csv", question="q", choices=("a", "b")) == ["B", "A"]


def test_a_letter_stays_a_letter_where_choices_are_letters(tmp_path: Path) -> None:
    rows = [
        {"q": "Which is last?", "choices": ["B", "C", "A"], "answer": "A"},
        {"q": "Which is red?", "choices": ["rose", "grass", "sky"], "answer": "B"},
        {"q": "Which is blue?", "choices": ["rose", "grass", "sky"], "answer": "C"},
    ]
    assert targets(tmp_path, lines(*rows), **LETTERS) == ["A", "B", "C"]
    said = refusal(tmp_path, lines(rows[0]), **LETTERS)
    assert "choice A by its letter and C by its text" in said
    assert targets(tmp_path, lines(rows[0]), **LETTERS, answer_is="text") == ["C"]


def test_indices_that_count_from_1_are_not_taken_for_those_from_0(tmp_path: Path) -> None:
    """As in WinoGrande and Social IQa."""
    rows = [
        {"sentence": f"{n}: the _ is big", "option1": "cup", "option2": "bag", "answer": answer}
        for n, answer in enumerate(["1", "2", "1", "2"])
    ]
    task = {"question": "sentence", "choices": ("option1", "option2")}
    said = refusal(tmp_path, lines(*rows), **task)
    assert "may count from 1" in said
    assert refusal(tmp_path, lines(*rows), **task, bad_rows="skip") == said
    right = ["A", "B", "A", "B"]
    assert targets(tmp_path, lines(*rows), **task, answer_is="index_from_1") == right
    whole = [{**row, "answer": int(row["answer"])} for row in rows]
    assert "may count from 1" in refusal(tmp_path, lines(*whole), **task)


def test_digits_without_a_zero_are_refused(tmp_path: Path) -> None:
    """As ARC's answers are where its labels are not named."""
    rows = [{"q": f"{n}?", "choices": ["x", "y", "z"], "answer": n} for n in ("1", "2", "1")]
    assert "without a 0" in refusal(tmp_path, lines(*rows), **LETTERS)
    assert targets(tmp_path, lines(*rows), **LETTERS, answer_is="index") == ["B", "C", "B"]
    assert targets(tmp_path, lines(*rows), **LETTERS, answer_is="index_from_1") == ["A", "B", "A"]


def test_the_right_answer_is_not_always_the_same_letter(tmp_path: Path) -> None:
    """GPQA and SciQ have the right answer in a column of its own."""
    row = {"q": "?", "right": "x", "wrong 1": "y", "wrong 2": "z"}
    task = {"question": "q", "answer": "right", "choices": ("right", "wrong 1", "wrong 2")}
    assert "one letter would be right in all rows" in refusal(tmp_path, lines(row, row), **task)


def test_a_box_without_braces_is_a_reference(tmp_path: Path) -> None:
    """Some solutions of MATH are so."""
    rows = [
        {"problem": "a", "solution": r"So $\boxed 5$."},
        {"problem": "b", "solution": r"\boxed{6}"},
    ]
    names = {"question": "problem", "answer": "solution", "extract": "boxed"}
    assert targets(tmp_path, lines(*rows), **names) == ["5", "6"]


def test_indices_of_a_column_with_gaps(tmp_path: Path) -> None:
    """pandas writes integers beside a missing one as 1.0."""
    path = tmp_path / "d.parquet"
    rows = {"q": ["a", "b", "c"], "choices": [["x", "y"]] * 3, "answer": [1.0, 0.0, None]}
    pl.DataFrame(rows).write_parquet(path)
    made = make_questions(FileTask(file=path, **LETTERS, bad_rows="skip"), 0)
    assert [q.target for q in made.questions] == ["B", "A"]
    decimals = {"q": "?", "choices": [1.0, 0.0], "answer": 1.0}
    assert "by its text" in refusal(tmp_path, lines(decimals), **LETTERS)


def test_answers_that_are_none_of_the_choices_are_refused(tmp_path: Path) -> None:
    row = {"q": "?", "choices": ["x", "y"], "answer": 0}
    for wrong, place in ((2, "0 to 1"), (-1, "0 to 1"), (1.5, "letter"), ("C", "letter")):
        said = refusal(tmp_path, lines(row, row, {**row, "answer": wrong}), **LETTERS)
        assert "row 3: the answer" in said
        assert place in said
    twice = {"q": "?", "choices": ["x", "x", "y"], "answer": "x"}
    assert "row 1" in refusal(tmp_path, lines(twice), **LETTERS, answer_is="text")
    mixed = [{**row, "answer": answer} for answer in ("A", "1", "x")]
    assert "is of several kinds" in refusal(tmp_path, lines(*mixed), **LETTERS)


ARC = [
    {
        "id": f"Mercury_{n}",
        "question": f"Which melts in {n} minutes?",
        "choices": {"text": ["ice", "iron", "sand", "wood"], "label": labels},
        "answerKey": key,
    }
    for n, labels, key in (
        (1, ["A", "B", "C", "D"], "A"),
        (2, ["1", "2", "3", "4"], "1"),
        (3, ["1", "2", "3", "4"], "4"),
        (4, ["A", "B", "C", "D"], "C"),
        (5, ["A", "B", "C", "D"], "B"),
    )
]
NESTED = {"choices": "choices.text", "labels": "choices.label", "answer": "answerKey"}


def test_arc_as_it_is_downloaded(tmp_path: Path) -> None:
    right = ["A", "A", "D", "C", "B"]
    assert targets(tmp_path, lines(*ARC), **NESTED, id="id") == right
    path = tmp_path / "d.parquet"
    pl.DataFrame(ARC).write_parquet(path)
    made = make_questions(FileTask(file=path, **NESTED), 0).questions
    assert [q.target for q in made] == right
    assert made[1].text == "Which melts in 2 minutes?\nA. ice\nB. iron\nC. sand\nD. wood"
    # Without its labels, "1" would be taken for the index of the second choice.
    without = {key: value for key, value in NESTED.items() if key != "labels"}
    said = refusal(tmp_path, lines(*ARC), **without)
    assert "row 2" in said
    assert "'labels'" in said
    said = refusal(tmp_path, lines(*ARC), choices="choices", answer="answerKey")
    assert "choices.text, choices.label" in said


def test_choices_as_objects(tmp_path: Path) -> None:
    """As ARC, OpenBookQA and CommonsenseQA have them in their first files, and MedQA its own."""
    stem = {
        "id": "q1",
        "question": {
            "stem": "Which melts?",
            "choices": [{"text": "iron", "label": "1"}, {"text": "ice", "label": "2"}],
        },
        "answerKey": "2",
    }
    names = {"question": "question.stem", "choices": "question.choices.text"}
    made = asked(
        tmp_path, lines(stem), **names, labels="question.choices.label", answer="answerKey"
    )
    assert made.questions[0].text == "Which melts?\nA. iron\nB. ice"
    assert made.questions[0].target == "B"
    keyed = {
        "q": "Which is first?",
        "options": {"A": "aspirin", "B": "rest"},
        "idx": "B",
        "answer": "rest",
    }
    for answer in ("idx", "answer"):
        task = {"question": "q", "choices": "options", "answer": answer}
        assert targets(tmp_path, lines(keyed), **task) == ["B"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["A", "B"], "2 labels for 3 choices"),
        (["A", "A", "B"], "same label"),
        (["A", None, "B"], "same label"),
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: Any, words: str) -> None:
    row = {"q": "?", "choices": ["x", "y", "z"], "labels": labels, "answer": "A"}
    said = refusal(tmp_path, lines(row), **LETTERS, labels="labels")
    assert "row 1" in said
    assert words in said


def test_a_place_without_a_choice_shifts_no_letter(tmp_path: Path) -> None:
    row = {"q": "Pick", "a": "one", "b": None, "c": "three", "d": "", "answer": "C"}
    columns = {"question": "q", "choices": ("a", "b", "c", "d")}
    rows = lines(row, {**row, "answer": 2})
    made = asked(tmp_path, rows, **columns).questions
    assert [q.target for q in made] == ["C", "C"]
    assert made[0].text == "Pick\nA. one\nC. three"
    listed = lines({"q": "Pick", "choices": ["one", None, "three"], "answer": 2})
    assert asked(tmp_path, listed, **LETTERS).questions[0].text == "Pick\nA. one\nC. three"
    for unused in ("B", 1, "D", 3):
        assert "row 1" in refusal(tmp_path, lines({**row, "answer": unused}), **columns)
    table = "q,a,b,c,answer\nPick,one,,three,C\n"
    assert targets(tmp_path, table, "d.csv", question="q", choices=("a", "b", "c")) == ["C"]


def test_more_choices_than_letters_and_fewer_than_two_are_refused(tmp_path: Path) -> None:
    for count, words in ((27, "27 choices"), (1, "fewer than two"), (0, "fewer than two")):
        row = {"q": "?", "choices": [f"option {n}" for n in range(count)], "answer": 0}
        assert words in refusal(tmp_path, lines(row), **LETTERS)
    row = {"q": "?", "choices": [f"option {n}" for n in range(26)], "answer": 25}
    assert targets(tmp_path, lines(row), **LETTERS) == ["Z"]


@pytest.mark.parametrize(
    "written", ["['car', \"it's\", 2]", '["car", "it\'s", 2]', "('car', 'it', 2)", "['car' 'it']"]
)
def test_a_list_written_as_text_is_read_as_a_list_or_refused(tmp_path: Path, written: str) -> None:
    row = {"q": "Pick", "choices": written, "answer": "A"}
    if written.startswith("[") and "," in written:
        text = asked(tmp_path, lines(row), **LETTERS).questions[0].text
        assert text.startswith("Pick\nA. car\nB. it")
        assert text.endswith("\nC. 2")
    else:  # numpy's form would come out as one choice
        assert "row 1" in refusal(tmp_path, lines(row), **LETTERS)


@pytest.mark.parametrize("text", ["car, pear", "[" * 50_000, "['a', open('x')]", "['a'", "{}"])
def test_text_that_is_no_list_is_refused(tmp_path: Path, text: str) -> None:
    row = {"q": "Pick", "choices": text, "answer": "A"}
    assert "row 1" in refusal(tmp_path, lines(row), **LETTERS)


def test_other_benchmarks_own_forms(tmp_path: Path) -> None:
    hellaswag = {"ctx": "She opens the door and", "endings": ["sings.", "leaves."], "label": "1"}
    task = {"question": "ctx", "choices": "endings", "answer": "label"}
    assert targets(tmp_path, lines(hellaswag, {**hellaswag, "label": "0"}), **task) == ["B", "A"]
    assert "is empty" in refusal(tmp_path, lines({**hellaswag, "label": ""}), **task)  # its test
    piqa = {"goal": "Open a jar", "sol1": "Turn.", "sol2": "Wait.", "label": 0}
    task = {"question": "goal", "choices": ("sol1", "sol2"), "answer": "label"}
    assert targets(tmp_path, lines(piqa), **task) == ["A"]
    assert "row 1" in refusal(tmp_path, lines({**piqa, "label": -1}), **task)  # its test
    truthful = {
        "question": "Is it so?",
        "mc1_targets": {"choices": ["No.", "Yes."], "labels": [1, 0]},
    }
    task = {"choices": "mc1_targets.choices", "answer": "mc1_targets.labels"}
    assert "row 1: column 'mc1_targets.labels' holds a list" in refusal(
        tmp_path, lines(truthful), **task
    )
    aime = {"ID": "2024-I-1", "Problem": "Find it.", "Solution": "So 33.", "Answer": 33}
    names = {"question": "Problem", "answer": "Answer", "id": "ID"}
    assert targets(tmp_path, lines(aime), **names, extract="boxed") == ["33"]
    math = {
        "problem": "Add.",
        "level": "Level 1",
        "solution": "It is $\\boxed{\\frac{1}{2}}$.",
    }
    names = {"question": "problem", "answer": "solution"}
    assert targets(tmp_path, lines(math), **names, extract="boxed") == ["\\frac{1}{2}"]


def test_mmlus_own_csv_has_no_headings(tmp_path: Path) -> None:
    table = 'Order of 3?,1,2,3,4,D\n"Is it so, or not?",None,NA,yes,"no, never",B\n'
    task = {"choices": ("A", "B", "C", "D")}
    columns = ("question", "A", "B", "C", "D", "answer")
    made = asked(tmp_path, table, "d.csv", **task, columns=columns).questions
    assert [q.target for q in made] == ["D", "B"]
    assert made[1].text == "Is it so, or not?\nA. None\nB. NA\nC. yes\nD. no, never"
    assert "'columns'" in refusal(tmp_path, table, "d.csv", **task)
    headed = ",".join(columns) + "\n" + table
    assert "row of headings" in refusal(tmp_path, headed, "d.csv", **task, columns=columns)


# Files


def test_json_of_one_object_and_of_a_list(tmp_path: Path) -> None:
    rows = [{"input": "not True is", "target": "False"}, {"input": "True is", "target": "True"}]
    names = {"question": "input", "answer": "target", "extract": "whole"}
    hard = json.dumps({"canary": "no training", "examples": rows})
    for content, more in (
        (hard, {}),
        (hard, {"rows": "examples"}),
        (hard, {"rows": "examples[*]"}),
        (json.dumps(rows, indent=1), {}),
        (lines(*rows), {}),  # many a .json file holds lines
        (json.dumps({"data": {"train": [], "test": rows}}), {"rows": "data.test"}),
    ):
        assert targets(tmp_path, content, "d.json", **names, **more) == ["False", "True"]
    two = json.dumps({"train": rows, "test": rows})
    assert "'rows': train, test" in refusal(tmp_path, two, "d.json", **names)
    assert "nothing at 'dev'" in refusal(tmp_path, two, "d.json", **names, rows="dev")
    by_column = json.dumps({"input": ["a"], "target": ["b"]})
    assert "no lists of rows" in refusal(tmp_path, by_column, "d.json", **names)
    assert "nothing at 'x'" in refusal(tmp_path, json.dumps(rows), "d.json", **names, rows="x")
    assert "drop 'rows'" in refusal(tmp_path, lines(*rows), **names, rows="x")


@pytest.mark.skipif(not BBH.is_dir(), reason="the real files of BIG-Bench Hard are not here")
def test_the_real_files_of_big_bench_hard() -> None:
    names = {"question": "input", "answer": "target"}
    files = sorted(BBH.glob("*.json"))
    sizes = {}
    for path in files:
        sizes[path.stem] = len(
            make_questions(FileTask(file=path, extract="whole", **names), 0).questions
        )
    assert len(files) == 27
    assert sum(sizes.values()) == 6511  # as its paper says
    ruined = FileTask(file=BBH / "ruin_names.json", extract="choice", bad_rows="skip", **names)
    made = make_questions(ruined, 0)
    assert len(made.questions) == 248
    assert {q.target for q in made.questions} == set("ABCD")
    assert made.skipped[0].sentence.startswith(
        "2 of 250 rows of ruin_names.json left out (first: row"
    )


@pytest.mark.parametrize(
    ("mark", "coding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv"])
def test_marks_of_encodings_are_heeded(tmp_path: Path, mark: bytes, coding: str, kind: str) -> None:
    row = {"question": "Où?", "answer": "là"}
    written = {
        "jsonl": json.dumps(row, ensure_ascii=False),
        "json": json.dumps([row], ensure_ascii=False),
        "csv": "question,answer\r\nOù?,là\r\n",
        "tsv": "question\tanswer\r\nOù?\tlà\r\n",
    }[kind]
    made = asked(tmp_path, mark + written.encode(coding), f"d.{kind}", extract="whole")
    assert (made.questions[0].text, made.questions[0].target) == ("Où?", "là")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"question": "a"}\n{"question": "Où"}\n'.encode("latin-1"), "line 2: is not UTF-8"),
        ('{"question": "a"}\n'.encode("utf-16-le"), "UTF-16 without its mark"),
        (codecs.BOM_UTF16_LE + b"a", "is not UTF-16"),
    ],
)
def test_other_bytes_are_named(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"question": "a", "answer": "1", "answer": "2"}', "'answer' is given twice"),
        ('{"question": "a", "answer": NaN}', "'answer' holds NaN, which is no number"),
        ('{"question": "a", "answer": -Infinity}', "holds -Infinity, which is no number"),
        ('["a", "1"]', "is no object"),
        ('{"question": "a"', "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"question": "a", "answer": "1"} {"question": "b", "answer": "2"}', "is not JSON"),
    ],
)
def test_a_row_that_json_leaves_open_is_refused(tmp_path: Path, line: str, words: str) -> None:
    said = refusal(tmp_path, f'{{"question": "x", "answer": "1"}}\n\n{line}\n')
    assert "row 2 (line 3)" in said
    assert words in said


def test_line_ends_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    row = '{"question": "a\\nb\u2028c", "answer": "7"}'
    content = f"\r\n{row}\r\n \r\n{row.replace('7', '8')}"
    made = asked(tmp_path, content).questions
    assert [q.target for q in made] == ["7", "8"]
    assert made[0].text == "a\nb\u2028c"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("question,answer,answer\na,1,2\n", "two columns 'answer'"),
        ("question, answer,answer \na,1,2\n", "two columns 'answer'"),
        ("question,answer\na,1\nb,2,3\n", "row 2: has 3 fields"),
        ("question,answer\na\n", "row 1: has 1 fields"),
        ('question,answer\na,"1\nb,2\n', "is not CSV"),
        ('question,answer\n"a"b,1\n', "is not CSV"),
        ("question;answer\na;1\n", "question;answer"),
        ("question,answer\n", "no rows"),
        ("", "no rows"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused(tmp_path: Path, table: str, words: str) -> None:
    assert words in refusal(tmp_path, table, "d.csv")


def test_spaces_around_headings_and_long_fields_are_no_matter(tmp_path: Path) -> None:
    table = f' question , answer\n"{"long, " * 50_000}", "7"\n'
    assert targets(tmp_path, table, "d.csv") == ["7"]


def test_compressed_files(tmp_path: Path) -> None:
    row = lines({"question": "a", "answer": "7"})
    assert targets(tmp_path, gzip.compress(row.encode()), "d.jsonl.gz") == ["7"]
    assert "is damaged" in refusal(tmp_path, row, "d.jsonl.gz")
    assert "is damaged" in refusal(tmp_path, gzip.compress(row.encode())[:-12], "d.json.gz")
    assert "is none of" in refusal(tmp_path, row, "d.jsonl.zst")


# Ids, examples, bad rows


@pytest.mark.parametrize("ids", [["p", "p"], [1, "1"], ["p ", "p"], [None, "p"], [["p"], "q"]])
def test_ids_that_are_not_unique_are_refused(tmp_path: Path, ids: list[Any]) -> None:
    rows = [{"pid": i, "question": f"q{n}", "answer": "1"} for n, i in enumerate(ids)]
    said = refusal(tmp_path, lines(*rows), id="pid")
    assert "d.jsonl: row" in said
    assert "'pid'" in said
    assert len(targets(tmp_path, lines(*rows))) == 2


def test_a_cluster_or_stratum_is_never_the_word_none(tmp_path: Path) -> None:
    rows = lines({"question": "q", "answer": "1", "of": "x"}, {"question": "r", "answer": "1"})
    assert "row 2: column 'of' is empty" in refusal(tmp_path, rows, cluster="of")
    subset = {"questions": 2, "stratify": "of"}
    assert "row 2: column 'of' is empty" in refusal(tmp_path, rows, subset=subset)


@pytest.mark.parametrize("other", [None, "same", "copy"])
def test_no_prompt_holds_its_own_question(tmp_path: Path, other: str | None) -> None:
    """Neither by another row, another file, other spacing, nor choices in another order."""
    rows = [{"question": f"What is {n}+1?", "answer": n + 1} for n in range(6)]
    again = [{"question": f" what is  {n}+1?\n", "answer": n + 1} for n in range(6)]
    fresh = [{"question": f"What is {n}+2?", "answer": n + 2} for n in range(3)]
    path, copy = tmp_path / "d.jsonl", tmp_path / "e.jsonl"
    path.write_text(lines(*rows, *again))
    copy.write_text(lines(*again, *fresh))
    file = {"same": tmp_path / "." / "d.jsonl", "copy": copy}.get(other or "")
    for seed in range(20):
        made = make_questions(FileTask(file=path, fewshot=3, fewshot_file=file), seed)
        shown = {" ".join(e.text.lower().split()) for e in made.examples}
        assert len(shown) == 3
        assert not shown & {" ".join(q.text.lower().split()) for q in made.questions}
        assert len(made.questions) == (12 if other == "copy" else 6)
    copy.write_text(lines(*again))
    with pytest.raises(InputError, match="0 different questions that are not asked"):
        make_questions(FileTask(file=path, fewshot=1, fewshot_file=copy), 0)


def test_examples_of_another_file_need_no_ids(tmp_path: Path) -> None:
    shots = tmp_path / "shots.jsonl"
    shots.write_text(lines({"question": "s", "answer": "1", "explanation": 0}))
    rows = '{"question": "q", "answer": "1", "pid": "p", "of": "x", "explanation": NaN}\n'
    made = asked(tmp_path, rows, id="pid", cluster="of", fewshot=1, fewshot_file=shots)
    assert [q.id for q in made.questions] == ["d-p"]
    assert [e.text for e in made.examples] == ["s"]


def test_choices_in_another_order_are_the_same_question(tmp_path: Path) -> None:
    one = {"q": "Which?", "choices": ["x", "y"], "answer": 0}
    rows = [one, {**one, "choices": ["y", "x"], "answer": 1}, {**one, "choices": ["x", "z"]}]
    for seed in range(10):
        path = tmp_path / "d.jsonl"
        path.write_text(lines(*rows))
        made = make_questions(FileTask(file=path, fewshot=1, **LETTERS), seed)
        held_z = "z" in made.examples[0].text
        assert len(made.questions) == (2 if held_z else 1)


def test_bad_rows_are_refused_or_left_out_and_counted(tmp_path: Path) -> None:
    rows = (
        lines({"question": "a", "answer": "1"}, {"question": "b", "answer": "many"})
        + "{broken\n"
        + lines({"question": "", "answer": "1"}, {"question": "e", "answer": ["1"]})
        + lines({"question": "f", "answer": "6"})
    )
    said = refusal(tmp_path, rows)
    assert "row 2: column 'answer' holds no answer by the rule 'last_number': 'many'" in said
    assert "(3 more of 6 rows are bad too)" in said
    assert "bad_rows: skip" in said
    made = asked(tmp_path, rows, bad_rows="skip")
    assert [(q.id, q.target) for q in made.questions] == [("d-1", "1"), ("d-6", "6")]
    (left,) = made.skipped
    assert (left.file, left.skipped, left.rows) == ("d.jsonl", 4, 6)
    assert left.sentence.startswith(
        "4 of 6 rows of d.jsonl left out (first: row 2: column 'answer'"
    )
    assert asked(tmp_path, lines({"question": "a", "answer": "1"}), bad_rows="skip").skipped == ()
    none = refusal(tmp_path, "{broken\n", bad_rows="skip")
    assert "row 1" in none


@pytest.mark.parametrize(
    "task",
    [
        {"labels": "x"},
        {"answer_is": "index"},
        {"answer_is": "worked", "choices": "x"},
        {"answer_is": "index", "choices": "x", "labels": "y"},
        {"bad_rows": "drop"},
        {"columns": ["question", "answer", "answer"]},
        {"choices": []},
        {"choices": ""},
    ],
)
def test_settings_that_say_nothing_are_refused(task: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FileTask(file=Path("d.jsonl"), **task)


def test_the_report_says_how_many_rows_were_left_out(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text(
        lines(*({"question": f"{n}+1?", "answer": [] if n == 2 else n + 1} for n in range(5)))
    )
    suite = tmp_path / "s.yaml"
    suite.write_text(
        "models: [{name: m, source: 'inspect:mockllm/model'}]\n"
        "tasks: [{file: d.jsonl, bad_rows: skip, fewshot: 1}]\n"
    )
    events: list[Any] = []
    result = run_suite(suite, tmp_path / "runs", events.append)
    right = "1 of 5 rows of d.jsonl left out (first: row 3: column 'answer' holds a list"
    assert any(right in getattr(event, "text", "") for event in events)
    write_report(result.run_dir)
    report = (result.run_dir / "report" / "report.md").read_text()
    assert f"Task d: {right}" in report.split("##")[0]


def test_a_large_file_is_read_in_seconds(tmp_path: Path) -> None:
    rows = [
        {"question": f"{n}?", "c": {"text": ["a", "b"], "label": ["1", "2"]}, "answer": "2"}
        for n in range(20_000)
    ]
    started = time.process_time()
    made = asked(tmp_path, lines(*rows), choices="c.text", labels="c.label")
    assert time.process_time() - started < 15
    assert {q.target for q in made.questions} == {"B"}


def test_the_value_of_a_number_is_that_of_its_text(tmp_path: Path) -> None:
    rows = '{"question": "a", "answer": 1.5e-3}\n'
    assert Fraction(targets(tmp_path, rows)[0]) == Fraction(3, 2000)
