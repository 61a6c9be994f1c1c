"""The two ends of a byte queue."""

from core import layout
from region import RegionError


class _Endpoint:
    def __init__(self, region, name, kind, peer):
        self._region = region
        encoded = name.encode()
        self._at = region.expect(region.core.call("open", region.me, region.in_own_page(encoded), len(encoded)))
        if region.core.word(self._at + layout.OBJECT_KIND) != layout.KIND_QUEUE:
            raise RegionError(f"{name} is no byte queue")
        self._peer, self._count = self._at + peer[0], self._at + peer[1]
        region.wake(self._call(f"attach{kind}"))
        self._kind = kind
        # A peer that holds its endpoint now, and one that comes later, are both noticed when they go.
        self._seen = self._region.core.load(self._count) - (self._region.core.load(self._peer) != 0)

    def _call(self, export, *parameters):
        return self._region.core.call(export, self._region.me, self._at, *parameters)

    def _peer_slot(self):
        peer = self._region.core.load(self._peer)
        return (peer & 0xFF) - 1 if peer else None

    def _peer_is_gone(self):
        load = self._region.core.load
        count, holder = load(self._count), load(self._peer)
        return count == load(self._count) and count != self._seen and not holder

    def _wait(self, attempt):
        def attempt_or_gone():
            result = attempt()
            if result is None and self._peer_is_gone():
                # It may have done something just before it left.
                result = attempt()
                if result is None:
                    raise RegionError("The other side of the queue is gone")
            return result

        return self._region.wait(lambda: self._call(f"announce{self._kind}"), attempt_or_gone, self._peer_slot)

    def close(self):
        self._region.wake(self._call(f"detach{self._kind}"))
        self._region.wake(self._region.core.call("unpin", self._region.me, self._at))


class Producer(_Endpoint):
    def __init__(self, region, name):
        super().__init__(region, name, "Producer", (layout.QUEUE_CONSUMER, layout.QUEUE_CONSUMER_COUNT))

    def send(self, data, block=None):
        """Sends bytes, and hands over a block: a pair of its offset and the length of its content."""
        prefix = layout.REFERENCE_BYTES if block else 0
        payload = self._wait(lambda: self._reserve(prefix + len(data)))
        if payload == layout.TOO_LARGE and not block:
            return self._send_large(data)
        self._region.write(self._region.expect(payload) + prefix, data)
        if block:
            doorbell = self._call("commitBlock", prefix + len(data), 0, *block)
        else:
            doorbell = self._call("commit", len(data))
        self._region.wake(doorbell)

    def _send_large(self, data):
        """What is larger than half the ring travels in a block."""
        block = self._region.allocate(len(data))
        self._region.write(block, data)
        self._region.expect(self._wait(lambda: self._reserve(layout.REFERENCE_BYTES)))
        self._region.wake(self._call("commitBlock", layout.REFERENCE_BYTES, 1, block, len(data)))

    def _reserve(self, length):
        payload = self._call("reserve", length)
        return None if payload == layout.NO_ROOM else payload

    def end(self):
        def attempt():
            doorbell = self._call("end")
            return None if doorbell == layout.NO_ROOM else doorbell

        self._region.wake(self._wait(attempt))


class Message:
    """What the producer sent, in place: its bytes, and those of the block that came with it, until it is released."""

    def __init__(self, consumer, payload):
        region = self._region = consumer._region
        self._consumer = consumer
        self._position, length, kind, block, block_length = (
            region.result(layout.SLOT_RESULT + 4 * index) for index in range(5)
        )
        self.block = None
        if kind != layout.RECORD_DATA:
            # A block that comes with a message may be a reference; `bytesOf` knows where its bytes are.
            self.block = region.view(region.core.call("bytesOf", block), block_length)
            self._block = (block, block_length)
            payload, length = payload + layout.REFERENCE_BYTES, length - layout.REFERENCE_BYTES
        if kind == layout.RECORD_LARGE:
            self.data, self.block = self.block, None
        else:
            self.data = region.view(payload, length)

    def release(self):
        self._release(keep=0)

    def take_block(self):
        """Releases the message, and keeps its block: its offset and the length of its content."""
        self._release(keep=1)
        return self._block

    def _release(self, keep):
        self._region.wake(self._consumer._call("release", self._position, keep))


class Consumer(_Endpoint):
    def __init__(self, region, name):
        super().__init__(region, name, "Consumer", (layout.QUEUE_PRODUCER, layout.QUEUE_PRODUCER_COUNT))

    def receive(self):
        """The next message, or None at the end of the stream."""
        payload = self._wait(self._peek)
        if payload == layout.ENDED:
            self._region.wake(self._region.result(layout.SLOT_RESULT))
            return None
        return Message(self, payload)

    def _peek(self):
        payload = self._call("peek")
        if payload == layout.EMPTY:
            return None
        return payload if payload == layout.ENDED else self._region.expect(payload)
