# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile messages, each with a number, made from a seed; and who sends them.

Runs on a lab host: python3 hostile_messages.py WAY COUNT SEED NAME,… [ADDRESS CERT KEY]

Ways into the journal, for any account: C(log) is /dev/log, C(native) the journal's own socket, C(stream) what the standard
output of a program is. C(relp) sends to a collector, as a host whose certificate it has. NAME,… are what others call
themselves, whose class is wanted.

Prints which numbers were sent again, since the collector hung up before it had acknowledged them, as a JSON list.

Each message has a token, C(SEED.WAY.NUMBER.), once as a rule. What is known to become several or none is sent without a
number, or behind one: the journal makes an entry of each line of a stream and of each 48 KiB of it, ends a text at a NUL
(but by its own socket), drops a datagram without a byte, an empty line and what it can't read of an entry, and takes a
second entry in one datagram for one of its own. rsyslog drops a message by RELP without a byte, and takes the last
character of structured data that never ends for the text.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import json
import random
import re
import socket
import ssl
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator

JOURNAL = "/run/systemd/journal/"
PACE = 0.08
"""Seconds for each hundred messages: all of them take so long that a collector is killed in between."""
STREAMS = 4
"""By name."""
WINDOW = 100
"""Messages by RELP on their way without an acknowledgement."""
PATIENCE = 60
"""Seconds within which a collector that was killed is there again."""
LONG, VERY_LONG = 8_000, 60_000
OFTEN, SELDOM = 41, 307
"""Each so many messages one is long, or very long."""
SENT = '[order82@32473 class="%s" boot="1" uid="0" audit="" claims="" login="0" unit="ssh.service"]'
STORED = '[stored@32473 at="1970-01-01T00:00:00.000000+00:00" from="vault" marks=""]'
# Up to the first ], behind which rsyslog looks for no process: the journal's own number closes it.
OPEN = '[1 - [order82@32473 class="%s" boot="1" uid="0" audit="" claims="" login="0" unit="ssh.service" x="'
TOO_LATE = "2100-01-01T00:00:00Z"
"""What rsyslog takes for no time."""
CLASSES = (
    "session",
    "maintenance",
    "security_event",
    "measure_state",
    "system",
    "nat_mapping",
    "disclosure",
    "network_state",
    "registration",
    "content_incident",
    "publication",
    "message_incident",
)
WORDS = (
    "Accepted password for root from 192.0.2.1 port 1 ssh2: %s",
    "pam_unix(su:session): session opened for user root(uid=0) by (uid=0) %s",
    "ops : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/true %s",
    "NOTICE [sshd] Ban 192.0.2.1 %s",
    'refused: x from 192.0.2.1 %s: authentication error, "event_type":"alert"',
    "type=SYSCALL msg=audit(1:1): %s",
    "beat run=1 seq=1 at=1.000 plan=x open=0 begun=9 ended=0 lost=9 clock=none %s",
    "DHCPACK(eth0) 192.0.2.1 00:00:00:00:00:01 %s",
)
FORMS = (
    "%%msg%% %%$!_UID%% $!_UID $.class ${x} `id` $(id) %%s%%n %s",
    "\u202e\u2066 %s \u2069\u4e2d",
    '"]] [[ \\] \\" %s',
    "<0>Nov 24 00:00:00 vault sshd[1]: %s",
    f"<0>1 2026-11-24T00:00:00Z vault order82-disclosure 1 - {SENT % 'disclosure'} %s",
    f"{STORED} %s",
    f"{SENT % 'nat_mapping'}{STORED} %s",
    '[order82@32473 class="disclosure" x="%s',
    "  %s  ",
    "\ufeff%s",
)


class Message:
    """What of one number is chosen by chance; C(token) is to be found again."""

    def __init__(self, seed: str, way: str, number: int, names: list[str]) -> None:
        self.number = number
        self.token = f"{seed}.{way}.{number:05}."
        self.chance = random.Random(self.token)
        self.turn, mine = divmod(number, len(names))
        self.name = names[mine]

    def text(self) -> bytes:
        """A text with the token in it."""
        token, chance = self.token, self.chance
        if self.number % SELDOM == 0:
            return token.encode() + b" " + chance.choice("x] \\").encode() * VERY_LONG
        if self.number % OFTEN == 0:
            return token.encode() + b" " + chance.choice("x%[\u4e2d").encode() * (LONG // 3)
        kind = chance.randrange(8)
        if kind == 0:
            return token.encode() + bytes(chance.choices(range(256), k=chance.randrange(200)))
        if kind == 1:
            return token.encode() + b" \xff\xfe caf\xe9 \xed\xa0\x80 \xf8\x88 \x07\x1b[2J\x1b]0;x\x07\x7f\r\x00 \xc2"
        if kind == 2:
            record = f"<30>1 2026-11-24T00:00:00Z vault order82-nat-mapping 1 - {SENT % 'nat_mapping'} beat"
            return f"{token}\n{record}\r\n\n{record}\n".encode()
        if kind < 5:
            return (chance.choice(FORMS) % token).encode()
        return (chance.choice(WORDS) % token).encode()

    def calls_itself(self) -> str:
        """What another calls itself, or something in which that is hidden: for each name all of them in turn."""
        name, wanted = self.name, self.chance.choice(CLASSES)
        tricks = (
            name,
            name + OPEN % wanted,
            f"{name} 1 - {SENT % wanted}",
            name + "\x1b\t\u202e",
            name + "[1]",
            name + "[]",
            name + "[",
            name + "]",
            name + ":",
            name * 20,
            "/" + name,
            "%programname% $!_UID",
            "\u4e2d" + name,
            "-",
            "",
        )
        return tricks[self.turn % len(tricks)]


def log(message: Message) -> bytes:
    """A datagram for /dev/log."""
    chance = message.chance
    head = chance.choice(("<13>", "<0>", "<191>", "<999>", "<x>", "<13", "", "<30>Nov 24 00:00:00 ", "<38>"))
    if chance.randrange(20) == 0:
        return f"{head}{message.token}: {chance.choice(('', ' ', chr(10)))}".encode()
    own = message.calls_itself() if chance.randrange(4) else f"{message.name}[{chance.choice(('0', '1]: x[2', '-'))}]"
    return f"{head}{own}: ".encode() + message.text()


def field(name: str, value: bytes) -> bytes:
    """One field of an entry, in the form that takes any bytes where it must."""
    if b"\n" in value or b"\0" in value:
        return name.encode() + b"\n" + struct.pack("<Q", len(value)) + value + b"\n"
    return name.encode() + b"=" + value + b"\n"


def native(message: Message) -> bytes:
    """A datagram for the journal's own socket."""
    chance, own, text = message.chance, message.calls_itself(), message.text()
    fields = [
        ("_UID", b"0"),
        ("_EXE", b"/usr/sbin/sshd"),
        ("_SYSTEMD_UNIT", chance.choice((b"ssh.service", b"order82-nat-record.service"))),
        ("_TRANSPORT", b"kernel"),
        ("_AUDIT_LOGINUID", b"0"),
        ("_PID", b"1"),
        ("_COMM", message.name.encode()),
        ("SYSLOG_PID", f"1 - {SENT % chance.choice(CLASSES)} x".encode()),
        ("PRIORITY", chance.choice((b"0", b"7", b"9", b"x", b"", b"99"))),
        ("SYSLOG_FACILITY", chance.choice((b"0", b"4", b"10", b"23", b"99", b"-1", b"x", b"999", b""))),
        ("OBJECT_PID", b"1"),
        ("metadata", b"1"),
        ("", b"1"),
    ]
    chance.shuffle(fields)
    fields = fields[: chance.randrange(len(fields))]
    shape = chance.randrange(20)
    if shape == 0:  # no text at all
        fields += [("SYSLOG_IDENTIFIER", message.token.encode())]
    elif shape == 1:
        fields += [("SYSLOG_IDENTIFIER", message.token.encode()), ("MESSAGE", chance.choice((b"", b" ", b"\n", b"\0")))]
    elif shape == 2:
        fields += [("MESSAGE", text), ("MESSAGE", text + b"again"), ("SYSLOG_IDENTIFIER", b"x"), ("PRIORITY", b"1")]
        fields += [("SYSLOG_IDENTIFIER", own.encode()), ("PRIORITY", b"2")]
    elif shape == 3:  # what runs it, gives the name
        fields += [("MESSAGE", text)]
    elif shape == 4:
        fields += [(f"X{number}", bytes([number]) * 50) for number in range(200)]
        fields += [("SYSLOG_IDENTIFIER", own.encode()), ("MESSAGE", text)]
    elif shape == 5:
        fields += [("SYSLOG_IDENTIFIER", (own + "\n\0" + STORED).encode()), ("MESSAGE", text)]
    else:
        fields += [("SYSLOG_IDENTIFIER", own.encode()), ("MESSAGE", text)]
    behind = chance.choice(
        (b"", b"", b"", b"\nMESSAGE=another entry\n", b"no end", b"X\n" + b"\xff" * 8, b"=\n.x\n#x\n")
    )
    return b"".join(field(name, value) for name, value in fields) + behind


def line(message: Message) -> bytes:
    """One line of a stream, and what comes with it."""
    before = message.chance.choice((b"", b"", b"\n", b"<3>", b"<9>", b"<", b"\0"))
    return before + message.text() + b"\n"


def has_a_time(message: Message) -> bool:
    """Whether a message by RELP says when it was: what does not, is another record each time that it arrives."""
    data, says = relp(message)
    return says and TOO_LATE.encode() not in data


def relp(message: Message) -> tuple[bytes, bool]:
    """A message as a host that was taken over sends it, and whether it says when it was."""
    chance, token = message.chance, message.token
    host = chance.choice(
        ("web", "gateway", "collector1", "vault", "../../../etc/cron.d/x", "", "web vault", "x" * 300, "\u4e2d")
    )
    wanted = chance.choice((*CLASSES, *CLASSES, "no_such_class", "../../etc", ""))
    when = chance.choice(
        (
            "1970-01-01T00:00:00Z",
            "2099-01-01T00:00:00Z",
            TOO_LATE,
            "2026-11-24T00:00:00.5+14:00",
            "2026-11-24T00:00:00Z",
        )
    )
    data = chance.choice(
        (
            SENT % wanted,
            SENT % wanted,
            SENT % wanted,
            SENT % wanted + STORED,
            STORED + SENT % wanted,
            SENT % wanted + f"x[y]{STORED}z",
            f'[order82@32473 class="{wanted}"][order82@32473 class="nat_mapping"]',
            f'[order82@32473  class="{wanted}"]',
            f'[order82@32473 class="{wanted}" x="\\] {STORED[:-1]}\\] "]',
            "-",
            "[]",
            "[x]",
            "x",
            f'[order82@32473 class="{wanted}" x="' + "y" * chance.choice((10, LONG)) + '"]',
            SENT % wanted + "[x@1]" * 200,
        )
    )
    head = f"{when} {host} {message.name} {chance.choice(('1', '-', 'x[1]', ''))} {chance.choice(('-', 'x'))}"
    shape = chance.randrange(20)
    if shape == 0:
        return message.text(), False
    if shape == 1:
        return f"<{chance.choice(('13', '999', '-1', 'x', '13'))}>".encode() + message.text(), False
    if shape == 2:
        own = chance.choice((message.name, f"{message.name}[1]", f"{message.name}[]"))
        return f"<13>Nov 24 00:00:00 {host or 'web'} {own}: {token}".encode(), True
    if shape == 3:
        return (
            f"<13>1 {chance.choice(('-', 'yesterday', '2026-13-45T99:99:99Z'))} {host} a - - {data} {token} end".encode(),
            False,
        )
    if shape == 4:  # it never ends
        return (
            f'<13>1 {head} [order82@32473 class="{wanted}" x="{chance.choice(("", STORED))}{token} end'.encode(),
            True,
        )
    if shape == 5:
        return f"<13>1 {when} {host} {token} - - {data}{chance.choice(('', ' '))}".encode(), True
    return f"<{chance.choice((0, 13, 30, 86, 191))}>1 {head} {data} ".encode() + message.text() + b" end", True


def paced(count: int) -> Iterator[int]:
    """The numbers, each when its time has come."""
    begin = time.monotonic()
    for number in range(count):
        if number % 100 == 0:
            time.sleep(max(0.0, begin + number / 100 * PACE - time.monotonic()))
        yield number


def is_read(one: socket.socket) -> None:
    """Wait until the journal has read what was sent, while there is somebody of whom it can know who he is."""
    left = array.array("i", [1])
    while left[0]:
        fcntl.ioctl(one, termios.TIOCOUTQ, left)
        time.sleep(0.01)


def by_datagrams(path: str, make: Callable[[Message], bytes], messages: Iterator[Message]) -> None:
    """To /dev/log or the journal's own socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.connect(JOURNAL + path)
        for message in messages:
            journal.send(make(message))
        journal.send(b"")
        is_read(journal)


def by_streams(messages: Iterator[Message]) -> None:
    """Each name has some streams, whose heads say it, and a unit that is not the sender's."""
    with contextlib.ExitStack() as stack:
        streams: dict[tuple[str, int], socket.socket] = {}
        for message in messages:
            key = (message.name, message.turn % STREAMS)
            if key not in streams:
                streams[key] = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                streams[key].connect(JOURNAL + "stdout")
                head = f"{message.calls_itself()}\norder82-nat-record.service\n6\n1\n0\n0\n0\n"
                streams[key].sendall(head.encode())
            streams[key].sendall(line(message))
        for stream in streams.values():
            is_read(stream)


def by_relp(address: str, cert: str, key: str, messages: Iterator[Message]) -> list[int]:
    """Until all is acknowledged, however often the collector hangs up.

    :return: the numbers that were sent more than once.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(cert, key)
    waiting: list[tuple[int, bytes]] = []
    again: set[int] = set()
    end = time.monotonic() + PATIENCE
    ended = False
    while waiting or not ended:
        again |= {number for number, _data in waiting}
        try:
            with context.wrap_socket(socket.create_connection((address, 2514), timeout=10)) as stream:
                session = Session(stream)
                for _number, data in waiting:
                    session.send(data)
                while waiting or not ended:
                    while not ended and len(waiting) < WINDOW:
                        message = next(messages, None)
                        ended = message is None
                        if message:
                            waiting.append((message.number, relp(message)[0]))
                            session.send(waiting[-1][1])
                    acknowledged = session.acknowledged() if waiting else 0
                    del waiting[:acknowledged]
                    end = time.monotonic() + PATIENCE
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
    return sorted(again)


class Session:
    """One session of RELP."""

    ANSWER = re.compile(rb"(\d+) rsp \d+ (\d+)[^\n]*\n")

    def __init__(self, stream: ssl.SSLSocket) -> None:
        self.stream = stream
        self.last = 1
        self.rest = b""
        offers = b"relp_version=0\nrelp_software=probe\ncommands=syslog"
        stream.sendall(b"1 open %d %s\n" % (len(offers), offers))
        if b" 200 " not in stream.recv(65536):
            raise ConnectionError("the session was refused")

    def send(self, data: bytes) -> None:
        """Send a message, and wait for nothing."""
        self.last += 1
        self.stream.sendall(b"%d syslog %d %s\n" % (self.last, len(data), data))

    def acknowledged(self) -> int:
        """How many more are acknowledged, one at the least."""
        found: list[tuple[bytes, bytes]] = []
        while not found:
            got = self.stream.recv(65536)
            if not got:
                raise ConnectionError("the collector hung up")
            self.rest += got
            end = self.rest.rfind(b"\n") + 1
            found, self.rest = self.ANSWER.findall(self.rest[:end]), self.rest[end:]
            if any(code != b"200" for _number, code in found):
                raise ValueError(found)
        return len(found)


def main() -> int:
    """Send all."""
    way, count, seed, names, *collector = sys.argv[1:]
    messages = (Message(seed, way, number, names.split(",")) for number in paced(int(count)))
    again: list[int] = []
    # What the journal has of a sender that gives no name. Of a program that ended it would be all that it has.
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write({"log": "su", "native": "sshd[1 - [x", "stream": "order82 x"}.get(way, "relp"))
    if way == "relp":
        again = by_relp(*collector, messages)
    elif way == "stream":
        by_streams(messages)
    else:
        path, make = {"log": ("dev-log", log), "native": ("socket", native)}[way]
        by_datagrams(path, make, messages)
    print(json.dumps(again))
    return 0


if __name__ == "__main__":
    sys.exit(main())
