# SPDX-License-Identifier: GPL-3.0-or-later
"""What is backed up lies in both repositories, comes back, and is tried by itself; and who stole the host's keys deletes nothing."""

from __future__ import annotations

import json
import shlex

import pytest

from ..conftest import HANG, Lab, until
from ..drift import Drift, broken
from .conftest import FILES, LOG_AGAIN, UP_AGAIN, listed, on_record, sql

SETS = {
    "server": ["app", "forum", "mail", "records", "shop", "staff", "system", "web"],
    "app": ["forum", "shop", "system"],
}
REPOSITORIES = ["repository1", "repository2"]
# With what the host itself has: its address, its account and its password.
RESTIC = (
    "RESTIC_REPOSITORY_FILE=/etc/order82/backup/{}.repository RESTIC_PASSWORD_FILE=/etc/order82/backup/password "
    "restic --cacert /etc/order82/tls/ca.crt {}"
)


@pytest.mark.parametrize("host", ["server", "app"])
def test_each_set_is_in_each_repository(filled: Lab, host: str) -> None:
    newest = {(one["set"], one["repository"]) for one in listed(filled, host)}
    assert newest == {(name, place) for name in SETS[host] for place in REPOSITORIES}


@pytest.mark.parametrize("host", ["server", "app"])
def test_a_drill_restores_all_of_it_and_its_report_is_on_record(filled: Lab, host: str) -> None:
    filled.do(host, "systemctl start order82-backup-drill")
    report = json.loads(filled.do(host, "cat /var/lib/order82-backup/drill.json"))
    assert [one["wrong"] for one in report["results"]] == [[]] * len(SETS[host]) * 2
    rows = {one["set"]: one["rows"] for one in report["results"]}
    assert rows["shop"] == int(sql(filled, host, "select count(*) from orders"))
    assert rows["forum"] == int(filled.do(host, "mariadb -NBe 'select count(*) from forum.posts'"))
    if host == "server":
        pages = {one["compared"] for one in report["results"] if one["set"] == "web"}
        assert pages == {201}
    for collector in ("server", "repository1"):
        until(
            HANG,
            lambda at=collector: on_record(filled, at, host, f'restore drill {{"at": "{report["at"]}"'),
            collector,
        )


def test_the_report_proves_itself_with_the_hosts_certificate_alone(filled: Lab) -> None:
    check = (
        "openssl x509 -in /etc/order82/tls/host.crt -noout -pubkey >/tmp/key; "
        "openssl dgst -sha256 -verify /tmp/key -signature /var/lib/order82-backup/drill.json.sig {}"
    )
    assert "Verified OK" in filled.do("server", check.format("/var/lib/order82-backup/drill.json"))
    filled.do("server", 'sed \'s/"wrong": \\[\\]/"wrong": []  /\' /var/lib/order82-backup/drill.json >/tmp/forged')
    assert filled.host("server").run(check.format("/tmp/forged")).rc != 0


def test_who_has_the_hosts_own_keys_can_delete_nothing(filled: Lab) -> None:
    before = listed(filled, "server")
    key = json.loads(filled.do("server", RESTIC.format("repository1", "key list --json --no-lock")))[0]["id"]
    commands = [
        "forget --prune latest",
        "forget --keep-last 1 --prune",
        "prune",
        f"key remove {key}",
        "tag --set x latest",
    ]
    # At once: restic tries again for most of a minute what is refused.
    filled.do("server", "".join(f"{RESTIC.format('repository1', command)} & " for command in commands) + "wait")
    assert [one for one in listed(filled, "server") if one in before] == before
    filled.do("server", RESTIC.format("repository1", "check --no-lock"))


def test_nobody_overwrites_what_is_there_or_reaches_anothers(filled: Lab) -> None:
    request = """
import base64, ssl, sys, urllib.error, urllib.parse, urllib.request
address = urllib.parse.urlsplit(open('/etc/order82/backup/repository1.repository').read().strip()[5:])
account = base64.b64encode(f'{address.username}:{address.password}'.encode()).decode()
context = ssl.create_default_context(cafile='/etc/order82/tls/ca.crt')
for method, path in (word.split('=', 1) for word in sys.argv[1:]):
    url = f'https://{address.hostname}:{address.port}/{path}'
    request = urllib.request.Request(url, data=b'forged' if method == 'POST' else None, method=method, headers={'Authorization': 'Basic ' + account})
    try:
        print(urllib.request.urlopen(request, context=context).status)
    except urllib.error.HTTPError as error:
        print(error.code)
"""
    filled.do("server", f"cat >/tmp/request.py <<'END'\n{request}\nEND")
    snapshot = filled.do("repository1", "ls /srv/backup/server/snapshots | head -1").strip()
    pack = filled.do("repository1", "find /srv/backup/server/data -type f -printf '%f\\n' | head -1").strip()
    content = f"sha256sum /srv/backup/server/snapshots/{snapshot} /srv/backup/server/data/{pack[:2]}/{pack} /srv/backup/server/config"
    before = filled.do("repository1", content)
    words = [
        f"DELETE=server/snapshots/{snapshot}",
        f"DELETE=server/data/{pack}",
        "DELETE=server/config",
        "DELETE=server/",
        f"POST=server/snapshots/{snapshot}",
        f"POST=server/data/{pack}",
        "POST=server/config",
        "GET=app/config",
        "DELETE=app/config",
    ]
    codes = filled.do("server", f"python3 /tmp/request.py {' '.join(words)}").split()
    assert all(int(code) >= 400 for code in codes), dict(zip(words, codes, strict=True))
    assert filled.do("repository1", content) == before


# Every command line that there is while a command runs.
COMMAND_LINES = """
import glob, subprocess, sys, time
seen, command = set(), subprocess.Popen(sys.argv[1:])
while command.poll() is None:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                seen.add(file.read().replace(b"\\0", b" "))
        except OSError:
            pass
    time.sleep(0.05)
for line in seen:
    print(line.decode(errors="replace"))
sys.exit(command.returncode)
"""


def test_secrets_are_on_no_command_line_and_in_no_log(filled: Lab) -> None:
    secret = filled.do("server", "cat /etc/order82/backup/password").strip()
    lines = filled.do("server", f"python3 -c {shlex.quote(COMMAND_LINES)} systemctl start order82-backup")
    assert "restic " in lines
    assert secret not in lines
    assert secret not in filled.do("server", "journalctl -q -o cat --since=-1h")
    filled.do("server", "chmod 0644 /etc/order82/backup/password")
    try:
        refused = filled.host("server").run("order82 backup list")
        assert (refused.rc, "may be read by others" in refused.stderr) == (2, True)
    finally:
        filled.do("server", "chmod 0600 /etc/order82/backup/password")


def test_a_file_comes_back_as_it_was_and_what_was_there_is_set_aside(filled: Lab) -> None:
    before = filled.do("server", FILES)
    filled.do(
        "server", "echo defaced >/srv/www/1.html; rm /srv/www/2.html /srv/www/home; echo new >/srv/www/later.html"
    )
    said = filled.do("server", "order82 backup restore web --dry-run")
    assert "1 would be replaced, and set aside\n  /srv/www/1.html" in said
    assert "/srv/www/2.html" in said
    assert filled.do("server", "cat /srv/www/1.html") == "defaced\n"
    filled.do("server", "order82 backup restore web; rm /srv/www/later.html")
    assert filled.do("server", FILES) == before
    newest = "$(ls -d /var/lib/order82-backup/set-aside/* | tail -n 1)"
    assert filled.do("server", f"cat {newest}/srv/www/1.html") == "defaced\n"
    until(HANG, lambda: on_record(filled, "repository1", "server", 'restored {"at"'), "the record of it")


def test_a_name_that_is_no_text_stops_no_restore(filled: Lab) -> None:
    name = r"/srv/mail/$(printf '\272\317\315\254')"  # in GBK
    filled.do("server", f'echo a contract >"{name}"; order82 backup run mail; rm "{name}"')
    said = filled.do("server", "order82 backup restore mail --dry-run")
    assert "1 would be written anew\n  /srv/mail/\\xba\\xcf" in said
    filled.do(
        "server", f'order82 backup restore mail; grep -x "a contract" "{name}"; rm "{name}"; order82 backup run mail'
    )


# Counted by the host's own SQLite: full text by a tokenizer that only the application has, and then a table that is damaged.
TOKENIZER = """
import sqlite3, sys, tempfile
sys.path.insert(0, "/usr/bin/order82")
from order82_baseline.backup import kinds
with tempfile.TemporaryDirectory() as folder:
    wiki = sqlite3.connect(folder + "/wiki.db")
    wiki.execute("CREATE TABLE authors (a UNIQUE)")
    wiki.executemany("INSERT INTO authors VALUES (?)", [(n,) for n in range(10000)])
    wiki.execute("CREATE VIRTUAL TABLE pages USING fts5(body)")
    wiki.execute("PRAGMA writable_schema = ON")
    wiki.execute("UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE pages USING fts5(body, tokenize = jieba)' WHERE name = 'pages'")
    wiki.commit()
    print(kinds.counted("sqlite", "", folder)["/wiki.db/authors"])
    wiki.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE authors (a UNIQUE, b NOT NULL)' WHERE name = 'authors'")
    wiki.commit()
    try:
        kinds.counted("sqlite", "", folder)
    except OSError as error:
        print(error)
"""


@pytest.mark.parametrize("host", ["server", "app"])
def test_a_tokenizer_that_is_not_here_hides_no_damage_and_is_none(lab: Lab, host: str) -> None:
    counted, damage = lab.do(host, f"python3 -c {shlex.quote(TOKENIZER)}").splitlines()
    assert counted == "[10000, '']"
    assert damage == "the SQLite database /wiki.db is damaged: NULL value in authors.b"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("restore nothing", "there is no set 'nothing' here; there are app, forum"),
        ("restore web --at yesterday", "'yesterday' is no time; write it as"),
        ("restore web --at 2001-01-01T00:00:00Z", "has no backup of the set 'web' that is not younger than"),
        ("restore web --from nowhere", "there is no repository 'nowhere' here; there are repository1, repository2"),
    ],
)
def test_what_cant_be_restored_is_said_in_one_sentence(filled: Lab, words: str, sentence: str) -> None:
    said = filled.host("server").run(f"order82 backup {words}")
    assert said.rc == 2
    assert sentence in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1


DRIFTS = {
    "no backup by itself, and a repository that nobody guards": Drift(
        {
            "app": "systemctl disable --now --quiet order82-backup.timer",
            "repository1": "systemctl stop order82-repository-guard",
        },
        {
            "app": "systemctl enable --now --quiet order82-backup.timer",
            "repository1": "systemctl start order82-repository-guard",
        },
        {
            "app": {"backup.scheduled", "backup.as_laid_down"},
            "repository1": {"backup_repository.running", "backup_repository.as_laid_down"},
        },
    ),
    "a repository that is off": Drift(
        {"repository2": "systemctl stop order82-repository"},
        {"repository2": UP_AGAIN, "app": LOG_AGAIN, "server": LOG_AGAIN},
        {
            "repository2": {"backup_repository.running", "backup_repository.as_laid_down"},
            "app": {"backup.redundant", "backup.append_only"},
            "server": {"backup.redundant", "backup.append_only"},
        },
    ),
    "a volume that is not mounted": Drift(
        {"server": "mount -t tmpfs none /srv/mail; order82 backup run mail"},
        {"server": "umount /srv/mail; order82 backup run mail"},
        {"server": {"backup.redundant"}},
    ),
    "a database that nobody declared": Drift(
        {"app": "cp /bin/sleep /root/mongod; systemd-run --quiet --unit=stray /root/mongod 600"},
        {"app": "systemctl stop stray; rm /root/mongod"},
        {"app": {"order82.databases"}},
    ),
    "a report that somebody wrote": Drift(
        {"app": 'sed -i.was \'s/"seconds"/"Seconds"/\' /var/lib/order82-backup/drill.json'},
        {"app": "mv /var/lib/order82-backup/drill.json.was /var/lib/order82-backup/drill.json"},
        {"app": {"backup.drilled"}},
    ),
    "a server that deletes": Drift(
        {
            "repository1": "sed -i 's/ --append-only//' /etc/systemd/system/order82-repository.service; systemctl daemon-reload; systemctl restart order82-repository"
        },
        {
            "repository1": "sed -i 's/rest-server /rest-server --append-only /' /etc/systemd/system/order82-repository.service; systemctl daemon-reload; systemctl restart order82-repository"
        },
        {
            "app": {"backup.append_only"},
            "server": {"backup.append_only"},
            "repository1": {"backup_repository.as_laid_down"},
        },
    ),
}


@pytest.mark.parametrize("what", DRIFTS)
def test_inspection_sees(filled: Lab, what: str) -> None:
    with broken(filled, DRIFTS[what]):
        filled.sees(DRIFTS[what])
