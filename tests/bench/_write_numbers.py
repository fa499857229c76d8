# SPDX-License-Identifier: GPL-3.0-or-later
"""Write numbered messages into the journal, on its own socket (systemd-journald.service(8), journal native protocol).

Runs on a sender, as root, which no limit of an account holds back. A full queue of journald's makes the socket wait, so nothing is dropped.

Called with the mark, the most messages, so many a second (0: as fast as journald takes them), and a file that ends it when it is
there. Prints {"written": number, "begin": seconds since 1970, "end": ...}.
"""

import json
import os
import socket
import sys
import time


def main():
    mark, count, rate, enough = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    form = (
        b"SYSLOG_IDENTIFIER=bench\nPRIORITY=6\nSYSLOG_FACILITY=3\n"
        b"MESSAGE=number %%d of %s, and as many words as one of sshd has: from 192.0.2.1 port 40000 ssh2\n"
    ) % mark.encode("ascii")
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.connect("/run/systemd/journal/socket")
    begin, written = time.time(), 0
    steady = time.monotonic()
    while written < count:
        if rate and written % 50 == 0:
            time.sleep(max(0.0, steady + written / rate - time.monotonic()))
            if os.path.exists(enough):
                break
        journal.send(form % written)
        written += 1
    print(json.dumps({"written": written, "begin": begin, "end": time.time()}), flush=True)


main()
