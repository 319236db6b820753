"""Waiting for several things: for all of them at the cost of a callback each."""

import asyncio

import pytest

from wke.act.session.waiting import when_all


def test_all_are_waited_for_and_none_is_cancelled() -> None:
    """It is done with the last one; cancelling it leaves them alone; the first failure ends it early; of nothing it is done at once."""

    async def body() -> None:
        loop = asyncio.get_running_loop()
        first, last = loop.create_future(), loop.create_future()
        given_up, whole = when_all([first, last]), when_all([first, last])
        first.set_result(1)
        given_up.cancel()
        await asyncio.sleep(0)
        assert not whole.done()
        assert not last.cancelled()
        last.set_result(2)
        await whole

        fails, never = loop.create_future(), loop.create_future()
        early = when_all([never, fails])
        fails.set_exception(OSError("the disk is full"))
        with pytest.raises(OSError, match="disk is full"):
            await early
        never.set_result(3)
        await when_all([])

    asyncio.run(body())
