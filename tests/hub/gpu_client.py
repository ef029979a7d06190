"""A process that asks for GPUs, uses them for a moment and gives them back, over and over: several of them race in a test.

It writes a line for each thing that happens, with the time at which its transaction was over.
"""

from __future__ import annotations

import json
import random
import sys
import time

from imagine_hub.gpus.allocator import Allocator
from imagine_hub.gpus.records import Ask, Granted, Waiting
from imagine_hub.settings import Gpus


def main(url: str, user: str, rounds: int) -> None:
    chance = random.Random(user)
    allocator = Allocator(url, Gpus(hold_minutes=5))
    for number in range(rounds):
        server = f"{number}"
        first = True
        while True:
            answer = allocator.request(Ask(user=user, server=server, gpus=1, profile="gpu"))
            assert isinstance(answer, Granted | Waiting), answer
            if isinstance(answer, Granted):
                break
            if first:
                say("queued", user, server)
                first = False
            time.sleep(0.01)
        say("granted", user, server, answer.uuids)
        time.sleep(chance.uniform(0, 0.01))
        say("releasing", user, server, answer.uuids)
        assert allocator.release(user, server) == 1


def say(what: str, user: str, server: str, uuids: tuple[str, ...] = ()) -> None:
    print(json.dumps({"at": time.monotonic(), "what": what, "user": user, "server": server, "uuids": uuids}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
