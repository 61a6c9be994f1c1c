"""
Answers what another program asks in a region: `python3 answer.py REGION`.

Every message of the queue `questions` is answered in the queue `answers`: a text by the same text in capitals, and a
block of f64 by a new block that has each number doubled, with their sum as the message.
"""

import sys

from queues import Consumer, Producer
from region import Region


def answer(region, message, answers):
    if message.block is None:
        answers.send(bytes(message.data).upper())
        message.release()
        return
    block, length = message.take_block()
    numbers = region.view(region.core.call("bytesOf", block), length).cast("d")
    doubled = region.allocate(length)
    for index, number in enumerate(numbers):
        region.view(doubled, length).cast("d")[index] = 2 * number
    answers.send(f"{sum(numbers):.0f}".encode(), (doubled, length))
    region.core.call("free", region.me, block)


with Region(sys.argv[1]) as region:
    questions, answers = Consumer(region, "questions"), Producer(region, "answers")
    while (message := questions.receive()) is not None:
        answer(region, message, answers)
    answers.end()
    questions.close()
    answers.close()
