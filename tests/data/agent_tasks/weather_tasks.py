"""Agent tasks as users of Inspect write them: a model that has to call a tool twice."""

import anyio
from inspect_ai import Task, task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import Score, accuracy, includes, scorer
from inspect_ai.solver import basic_agent, generate, solver, system_message, use_tools
from inspect_ai.tool import bash, tool

DEGREES = {"Oslo": 3, "Rome": 18, "Cairo": 29}
TOOL_S = 0.2


@tool
def temperature():
    async def execute(city: str) -> str:
        """Tell the temperature of a city.

        Args:
            city: Name of the city.
        """
        await anyio.sleep(TOOL_S)
        return f"{DEGREES[city]} degrees"

    return execute


@solver
def own_answer():
    """Puts an output of its own in place of the model's, as some agents do."""

    async def solve(state, generate):
        from inspect_ai.model import ModelOutput

        state = await generate(state)
        state.output = ModelOutput.from_content("own", state.output.completion)
        return state

    return solve


@scorer(metrics=[accuracy()])
def asks_the_model():
    async def score(state, target):
        judged = await get_model().generate("grade: " + state.output.completion)
        return Score(value=float("yes" in judged.completion), answer=state.output.completion)

    return score


@task
def weather(agent: str = "tools", judge: bool = False, sandbox: str | None = "docker"):
    """How much warmer is one city than the other?"""
    agents = {
        "tools": lambda: [use_tools(temperature()), generate()],
        "react": lambda: react(tools=[temperature()]),
        "basic": lambda: basic_agent(tools=[temperature()]),
        "own": lambda: [use_tools(temperature()), own_answer()],
        "none": lambda: [system_message("Be brief."), generate()],
        "bash": lambda: [use_tools(bash()), generate()],
    }
    return Task(
        dataset=[
            Sample("How much warmer is Rome than Oslo?", target="15", id="rome"),
            Sample("How much warmer is Cairo than Oslo?", target="26", id="cairo"),
        ],
        solver=agents[agent](),
        scorer=asks_the_model() if judge else includes(),
        sandbox=sandbox if agent == "bash" else None,
    )
