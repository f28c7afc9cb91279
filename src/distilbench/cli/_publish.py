"""Commands that make results known: publish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from distilbench.cli._counts import say
from distilbench.cli._options import RunPlace, here
from distilbench.cli._print import Json, print_json, print_line
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.publish import PublishedModel


Models = Annotated[list[str] | None, typer.Option(help="Only this model. May be repeated.")]
Tasks = Annotated[list[str] | None, typer.Option(help="Only this task. May be repeated.")]
Profile = Annotated[
    str | None, typer.Option(help="Where a model ran under several profiles: which.")
]
Repositories = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[MODEL=]OWNER/NAME",
        help="Repository of the hub that holds the measured weights; default: that which a model's"
        " hf: source names. May be repeated.",
    ),
]
LeaderboardUnit = Annotated[
    Literal["percent", "fraction"] | None,
    typer.Option(help="Unit of the leaderboard of a benchmark that is not known here."),
]


def register(app: typer.Typer) -> None:
    app.command()(publish)


def publish(
    run: RunPlace,
    model: Models = None,
    task: Tasks = None,
    profile: Profile = None,
    repo: Repositories = None,
    unit: LeaderboardUnit = None,
    source: Annotated[
        str | None, typer.Option(help="Address of a page that shows the results, as a site's.")
    ] = None,
    out: Annotated[str, typer.Option(help="Folder to write into, on this machine.")] = "published",
    push: Annotated[
        bool, typer.Option("--push", help="Send it to the hub, as a pull request for each model.")
    ] = False,
    direct: Annotated[
        bool, typer.Option("--direct", help="With --push: commit to the main branch.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a run's results for the Hugging Face hub: evaluation results, a card section with
    running and creation cost, records of Every Eval Ever. Nothing is sent without --push."""
    from distilbench.place import Place, copied
    from distilbench.publish import Choice, Terms, publish_run
    from distilbench.publish import push as send

    if direct and not push:
        raise InputError("--direct", "goes with --push", "add --push, or drop it")
    choice = Choice(tuple(model or ()), tuple(task or ()), profile)
    terms = Terms(tuple(repo or ()), unit, source)
    with copied(Place.parse(run)) as run_dir:
        made = publish_run(run_dir, here(out), choice, terms)
    sent: dict[str, str] = {}
    for one in made if push else ():
        sent[one.model] = send(one, direct)
        say(f"sent {one.model}: {sent[one.model]}")  # also if the next one is refused
    if as_json:
        print_json([_data(one, sent.get(one.model)) for one in made])
        return
    for one in made:
        _print(one, sent.get(one.model))


def _data(one: PublishedModel, sent: str | None) -> dict[str, Any]:
    return {
        "model": one.model,
        "repository": one.repository,
        "results": [
            {
                "task": result.of.task,
                "dataset": result.benchmark.dataset,
                "task_id": result.benchmark.task,
                "value": result.entry.value,
                "notes": result.entry.notes,
                "file": str(one.folder / result.path),
            }
            for result in one.filed
        ],
        "files": [str(file) for file in one.files],
        "left_out": list(one.left_out),
        "sent": sent,
    }


def _print(one: PublishedModel, sent: str | None) -> None:
    print_line(f"{one.model}: {one.repository or 'no repository of the hub'}")
    for result in one.filed:
        named = f"{result.benchmark.dataset}, {result.benchmark.task}"
        print_line(f"  {named}: {result.entry.value} ({result.entry.notes})")
    for file in one.files:
        print_line(f"  wrote {file}")
    for sentence in one.left_out:
        say(f"  left out: {sentence}")
    if sent:
        print_line(f"  sent: {sent}")
