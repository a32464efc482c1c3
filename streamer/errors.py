"""Everything that goes wrong in the streamer, in one place.

```
HuazhaError                  a user's mistake or the machine's fault, told in one line
├── SettingsError            a setting is wrong, or can't be had
├── RecordingError           a recording can't be read or sent
├── ScanError                there is nothing to scan, or nowhere to write what is found
├── CallFailed               a call to the service came to nothing
│   └── CallRefused          it takes no more at present
├── ModelError               the weights of a model
│   ├── ModelNotFound        are not here, and how to get them
│   ├── ModelDamaged         are not what they should be
│   └── ModelCacheError      the cache can't be read or written
├── TrainingError            a head of sounds can't be trained
├── RecognitionFailed        a window was not recognised
│   ├── RecognisersBusy      they turned it away, since too many wait already
│   └── RecognisersGone      they can't be reached
├── RayMissing               Ray is not installed
├── ClusterError             a cluster can't be had, or does not do what it should
├── AccessDenied             somebody did not get in: no token, or none that is good
└── ForbiddenOrigin          a page asks that has no business here
ProtocolError                a peer broke the protocol, or can't be served: sent to it, then the socket closes
├── BadJson          4400
├── Unauthorised     4401
│   └── OtherCredentials 4401
├── StartTimeout     4408
├── OutOfOrder       4409
├── Unintelligible   4410
├── OddBytes         4411
├── TooLarge         4413
├── BadField         4422
├── TooFast          4429
├── InternalError    4500
└── Overloaded       4503
```
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from streamer.plain_text import plain

LONGEST = 500
"""Characters of what a peer's mistake is told in."""


class HuazhaError(Exception):
    """The root of what is told to a user in one line, or in a line for each of several mistakes."""

    @property
    def lines(self) -> tuple[str, ...]:
        """What is told."""
        return (str(self),)


class SettingsError(HuazhaError):
    """A setting is wrong.

    Attributes:
      source: the file, or `command line`.
      field: dotted, or None where the file as a whole is wrong.
      line: of the file, from 1; None where that is not known.
      problem: what is wrong, without where.
      others: what else is wrong.
    """

    def __init__(self, source: str, field: str | None, message: str, line: int | None = None) -> None:
        where = source if line is None else f"{source}:{line}"
        super().__init__(f"{where}: {f'{field}: ' if field else ''}{message}")
        self.source = source
        self.field = field
        self.line = line
        self.problem = message
        self.others: tuple[SettingsError, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What is told: a line for each setting that is wrong."""
        return (str(self), *map(str, self.others))

    def with_others(self, others: Sequence[SettingsError]) -> Self:
        """Add what else is wrong."""
        self.others = tuple(others)
        return self


class RecordingError(HuazhaError):
    """A recording can't be read, or holds what a call can't.

    Attributes:
      path: or address.
      problem: what is wrong, without it.
    """

    def __init__(self, path: Path | str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.problem = message


class ScanError(HuazhaError):
    """There is nothing to scan where it was asked for, or nowhere to write what is found."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name


class CallFailed(HuazhaError):
    """The service at `url` could not be reached, or broke the call off."""

    def __init__(self, url: str, message: str) -> None:
        super().__init__(f"{url} {message}")
        self.url = url


class CallRefused(CallFailed):
    """The service at `url` takes no more calls at present."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "takes no more calls at present")


class ModelError(HuazhaError):
    """The weights of the model `name`."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"model {name}: {message}")
        self.name = name


class ModelNotFound(ModelError):
    """The weights are neither here nor to be had."""


class ModelDamaged(ModelError):
    """The weights are not those that the name stands for."""


class ModelCacheError(ModelError):
    """The cache for joined weights can't be read or written.

    Attributes:
      path: where they are, or were to go.
    """

    def __init__(self, name: str, path: Path, message: str) -> None:
        super().__init__(name, message)
        self.path = path


class TrainingError(HuazhaError):
    """A head of sounds can't be trained, or not with what is here.

    Attributes:
      what: a file, a package or an option.
    """

    def __init__(self, what: Path | str, message: str) -> None:
        super().__init__(f"{what}: {message}")
        self.what = what


class RecognitionFailed(HuazhaError):
    """A recogniser could not do a window.

    Attributes:
      reason: why what was said there is not monitored, as platforms and supervisors are told.
    """

    reason: ClassVar[str] = "recognition failed"


class RecognisersBusy(RecognitionFailed):
    """Recognisers elsewhere turned a window away: too many wait there already."""

    reason = "recognisers overloaded"


class RecognisersGone(RecognitionFailed):
    """Recognisers elsewhere can't be reached, or none of them answers."""

    reason = "recognisers out of reach"


class RayMissing(HuazhaError):
    """What needs Ray was asked for where it isn't installed."""

    def __init__(self) -> None:
        super().__init__('Ray is not installed here; pip install "huazha[ray]" installs it')


class ClusterError(HuazhaError):
    """A cluster can't be had, or does not do what was asked of it.

    Attributes:
      address: as it was given.
    """

    def __init__(self, address: str, message: str) -> None:
        super().__init__(f"{address}: {message}")
        self.address = address


class AccessDenied(HuazhaError):
    """A sign-in that failed.

    Attributes:
      reason: for programs.
      message: never holds the token.
      name: whose token it was, where that is known.
    """

    def __init__(
        self, reason: Literal["missing", "wrong", "expired", "used"], message: str, name: str | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.name = name


class ForbiddenOrigin(HuazhaError):
    """A browser asks for a page that is not the service's own, nor let in by `origins`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ProtocolError(Exception):
    """What is sent to a peer before its socket is closed.

    Attributes:
      code: for programs.
      close_code: of the WebSocket, from the range left to applications (RFC 6455, section 7.4.2).
      field: of the peer's message that is at fault, where there is one.
    """

    code: ClassVar[str]
    close_code: ClassVar[int]

    def __init__(self, message: str, field: str | None = None) -> None:
        # Both may hold names that the peer chose, and both go into logs.
        self.message = plain(message, LONGEST)
        self.field = None if field is None else plain(field, LONGEST)
        super().__init__(self.message)


class BadJson(ProtocolError):
    """A text message is no JSON object."""

    code = "bad_json"
    close_code = 4400


class Unauthorised(ProtocolError):
    """A stream has no token, or none that is good."""

    code = "unauthorised"
    close_code = 4401

    def __init__(self, message: str) -> None:
        super().__init__(message, "token")


class OtherCredentials(Unauthorised):
    """A call that goes on was begun with other credentials than a socket has that would join it."""

    code = "other_credentials"

    def __init__(self) -> None:
        super().__init__("this call goes on, and was begun with other credentials")


class StartTimeout(ProtocolError):
    """The socket opened, but no call began on it."""

    code = "start_timeout"
    close_code = 4408

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no start message within {seconds:g} s")


class OutOfOrder(ProtocolError):
    """A message came where its kind can't."""

    code = "out_of_order"
    close_code = 4409


class Unintelligible(ProtocolError):
    """Nothing that comes in mid-call can be understood any more."""

    code = "unintelligible"
    close_code = 4410

    def __init__(self, number: int, last: ProtocolError) -> None:
        super().__init__(f"{number} messages in a row could not be understood; the last: {last.code}: {last.message}")


class OddBytes(ProtocolError):
    """A binary message doesn't hold a whole number of samples of each channel."""

    code = "odd_bytes"
    close_code = 4411

    def __init__(self, length: int, unit: int) -> None:
        super().__init__(f"{length} bytes of audio are no multiple of {unit}, one sample of each channel", "audio")
        self.length = length
        self.unit = unit


class TooLarge(ProtocolError):
    """A message is over the limit."""

    code = "too_large"
    close_code = 4413

    def __init__(self, length: int, limit: int) -> None:
        super().__init__(f"a message of {length} bytes is over the limit of {limit}")
        self.length = length
        self.limit = limit


class BadField(ProtocolError):
    """A field of a message is missing or wrong."""

    code = "bad_field"
    close_code = 4422

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}", field)


class TooFast(ProtocolError):
    """More came in a second than a call may send."""

    code = "too_fast"
    close_code = 4429

    def __init__(self, what: str, limit: float) -> None:
        super().__init__(f"more than {limit:g} {what} a second")


class InternalError(ProtocolError):
    """Huazha's own fault."""

    code = "internal"
    close_code = 4500

    def __init__(self) -> None:
        super().__init__("the call failed inside Huazha; its log says why")


class Overloaded(ProtocolError):
    """No more calls can be taken at present."""

    code = "overloaded"
    close_code = 4503

    def __init__(self) -> None:
        super().__init__("no more calls can be taken at present; try again, or elsewhere")
