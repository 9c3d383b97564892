"""The watch over clients that wait: a number that the system gives again is the new connection's."""

import os
import socket
import threading

from appliance.api.hanging_up import Watch


def test_a_number_that_comes_again_is_watched_for_its_new_connection() -> None:
    watch, gone, others = Watch(), threading.Event(), threading.Event()
    (first, far), (second, end) = socket.socketpair(), socket.socketpair()
    number = first.fileno()
    watch.over(first, others.set)  # and nobody ended the watch
    first.detach()
    with far, end, socket.socket(fileno=os.dup2(second.detach(), number)) as again:
        watched = watch.over(again, gone.set)
        end.close()
        assert gone.wait(5)
        assert not others.is_set()
        watched.end()
