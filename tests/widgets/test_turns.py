from __future__ import annotations

import threading
import time

from polwidgets.widgets.turns import in_turn


def test_two_threads_do_not_mix_what_they_do():
    written = []

    @in_turn
    def write(name):
        for part in range(20):
            written.append((name, part))
            time.sleep(0.0005)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second, third = (written[start][0] for start in (0, 20, 40))
    assert written == [(name, part) for name in (first, second, third) for part in range(20)]


def test_what_is_called_within_has_its_turn_already():
    inner = in_turn(lambda value: value + 1)
    assert in_turn(lambda value: inner(value) * 2)(3) == 8
