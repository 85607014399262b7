from __future__ import annotations

import asyncio
import threading

from polwidgets.widgets.background import Background, Cancelled


def test_results_come_back_to_the_loop_that_started_the_work():
    seen = []

    async def page():
        ended = asyncio.Event()

        def done(result):
            seen.append((result, threading.current_thread() is threading.main_thread()))
            ended.set()

        def work(progress):
            progress("count", 0.5)
            return threading.current_thread() is threading.main_thread()

        Background(work, done=done, failed=seen.append, progress=lambda *report: seen.append(report))
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(page())
    assert seen == [("count", 0.5), (False, True)]


def test_what_fails_is_handed_back():
    seen = []
    Background(lambda _: 1 / 0, done=seen.append, failed=seen.append).wait(5)
    assert isinstance(seen[0], ZeroDivisionError)


def test_cancelled_work_ends_at_its_next_report():
    seen, asked, cancelled = [], threading.Event(), threading.Event()

    def work(progress):
        asked.set()
        cancelled.wait(5)
        progress("count", 0.5)
        seen.append("went on")

    job = Background(work, done=seen.append, failed=seen.append)
    asked.wait(5)
    job.cancel()
    cancelled.set()
    job.wait(5)
    assert isinstance(seen[0], Cancelled)
    assert len(seen) == 1
    assert not job.running
