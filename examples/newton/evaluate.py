"""The task `evaluate` in Python: computes y and y' of a x² + b x + c for each guess of a batch, like evaluate.ts."""

from array import array

from dhmem.workflow import Task

HEADER = 1
STRIDE = 4


def evaluate(guesses: memoryview) -> array:
    """Reads the guesses in place, in the region."""
    values = array("d", guesses[:HEADER])
    for at in range(HEADER, len(guesses), STRIDE):
        a, b, c, x = guesses[at : at + STRIDE]
        values.extend(((a * x + b) * x + c, 2 * a * x + b))
    return values


with Task.from_environment() as task:
    output = task.output("values")
    for message in task.input("guesses"):
        output.send(evaluate(memoryview(message).cast("d")))
    output.end()
