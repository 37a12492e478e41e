"""moto whose object writes come one after the other.

Each request has a thread of its own, and a conditional PUT looks first and writes then: now and then two of many
racing writers win, which no S3 lets happen, and which ezLiveStreaming finds out and refuses.
"""

import threading

from moto.s3.responses import S3Response
from moto.server import main

_one_at_a_time = threading.Lock()
_put = S3Response._key_response_put


def _put_alone(self, *args, **kwargs):
    with _one_at_a_time:
        return _put(self, *args, **kwargs)


S3Response._key_response_put = _put_alone

main()
