#!/usr/bin/env python3
"""Holds Cargo.lock against deny.toml without a network: licences, sources, withdrawn versions, known faults.

    cargo fetch --locked                                     # the manifests that name the licences
    python3 scripts/audit.py                                 # ends with 1 where something is refused
    python3 scripts/audit.py --advisories ../advisory-db     # known faults, too
    python3 scripts/audit.py --prove                         # plants one fault of each kind: each must be refused

Known faults are those of the RustSec advisory database, of which it takes a clone, or a folder that `--extract FOLDER` made
from one: only the advisories on packages of our lock file, and `origin.json` with the commit and its date. The database is
not part of this repository. How old it is is printed, and where there is none, that nothing was checked.

Withdrawn versions are looked up in the copy of the registry's index that cargo keeps, as old as cargo's last look.
"""
import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--lock", type=Path, default=ROOT / "Cargo.lock")
    options.add_argument("--advisories", type=Path, help="a clone of the advisory database, or what --extract made of one")
    options.add_argument("--extract", type=Path, metavar="FOLDER", help="copy the advisories on our packages there, and end")
    options.add_argument("--prove", action="store_true", help="plant faults, and end with 1 where one is not refused")
    chosen = options.parse_args()
    if chosen.prove:
        with contextlib.redirect_stdout(io.StringIO()):
            planted, wrong = prove()
        for what in wrong:
            print(f"not as it should be: {what}", file=sys.stderr)
        print(f"the audit itself: {planted} planted cases, {len(wrong)} wrong")
        sys.exit(1 if wrong else 0)
    packages = locked(chosen.lock.read_text())
    if chosen.extract:
        sys.exit(extract(chosen.advisories, packages, chosen.extract))
    policy = tomllib.loads((ROOT / "deny.toml").read_text())
    refused = check_sources(packages, policy) + check_licences(packages, manifests(), policy)
    refused += check_withdrawn(packages, index_of_cargo(), policy)
    say_duplicates(packages)
    if chosen.advisories:
        refused += check_faults(packages, read_advisories(chosen.advisories), policy)
        say_age(chosen.advisories)
    else:
        print("known faults: NOT CHECKED, no advisory database was given (--advisories)")
    for line in refused:
        print(f"refused: {line}", file=sys.stderr)
    sys.exit(1 if refused else 0)


# What we depend on.


def locked(text):
    """Every package of a lock file but our own: name, version, source, checksum."""
    return [p for p in tomllib.loads(text)["package"] if not (p["name"].startswith("casebook") and "source" not in p)]


def manifests():
    """The licence of every package that cargo resolves, by name and version."""
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if told.returncode:
        sys.exit(f"cargo metadata: {told.stderr}\n`cargo fetch --locked` gets what is missing")
    return {(p["name"], p["version"]): p["license"] for p in json.loads(told.stdout)["packages"]}


def check_sources(packages, policy):
    allowed = {f"registry+{url}" for url in policy["sources"]["allow-registry"]}
    refused = []
    for p in packages:
        if p.get("source") not in allowed:
            refused.append(f"{p['name']} {p['version']} comes from {p.get('source', 'a folder')}")
        elif "checksum" not in p:
            refused.append(f"{p['name']} {p['version']} has no checksum in the lock file")
    print(f"sources: {len(packages)} packages, {len(refused)} refused")
    return refused


def say_duplicates(packages):
    versions = defaultdict(list)
    for p in packages:
        versions[p["name"]].append(p["version"])
    several = {name: found for name, found in versions.items() if len(found) > 1}
    listed = ", ".join(f"{name} {len(found)}" for name, found in sorted(several.items()))
    print(f"several versions: {len(several)} packages ({listed})")


# Licences.


def check_licences(packages, known, policy):
    rules = policy["licenses"]
    clarified = {c["crate"].replace("@=", " "): c["expression"] for c in rules.get("clarify", [])}
    more = {e["crate"]: set(e["allow"]) for e in rules.get("exceptions", [])}
    refused, unresolved = [], 0
    for p in packages:
        label = f"{p['name']} {p['version']}"
        if (p["name"], p["version"]) not in known:
            unresolved += 1
            continue
        expression = known[p["name"], p["version"]] or clarified.get(label)
        if expression is None:
            refused.append(f"{label} names no licence; read it and write a [[licenses.clarify]]")
        elif not permitted(expression, set(rules["allow"]) | more.get(p["name"], set())):
            refused.append(f"{label} has the licence {expression}")
    print(f"licences: {len(packages) - unresolved} packages, {len(refused)} refused; {unresolved} in the lock that nothing uses")
    return refused


def permitted(expression, allowed):
    """Whether a licence expression (SPDX, or the older `MIT/Apache-2.0`) can be met by what is allowed."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        found = both()
        while words and words[0] == "OR":
            words.pop(0)
            right = both()
            found = found or right
        return found

    def both():
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            right = one()
            found = found and right
        return found

    def one():
        word = words.pop(0)
        if word == "(":
            found = either()
            words.pop(0)
            return found
        if words and words[0] == "WITH":
            word = f"{word} {words.pop(0)} {words.pop(0)}"
        return word in allowed

    return either() and not words


# Withdrawn versions.


def index_of_cargo():
    """Where cargo keeps what it last heard of each package."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return next(iter(sorted(home.glob("registry/index/index.crates.io-*/.cache"))), None)


def check_withdrawn(packages, index, policy):
    refused, unknown = [], 0
    for p in packages:
        withdrawn = is_withdrawn(index, p["name"], p["version"]) if index else None
        unknown += withdrawn is None
        if withdrawn:
            refused.append(f"{p['name']} {p['version']} was withdrawn by its authors")
    print(f"withdrawn versions: {len(packages) - unknown} packages, {len(refused)} refused; {unknown} that cargo has not looked up")
    return refused if policy["advisories"]["yanked"] == "deny" else []


def is_withdrawn(index, name, version):
    """True, false, or None where cargo's copy has no such version. A record is JSON between zero bytes."""
    low = name.lower()
    folder = {1: "1", 2: "2", 3: f"3/{low[:1]}"}.get(len(low), f"{low[:2]}/{low[2:4]}")
    file = index / folder / low
    if not file.is_file():
        return None
    for record in file.read_bytes().split(b"\0"):
        if record.startswith(b"{") and (told := json.loads(record))["vers"] == version:
            return told["yanked"]
    return None


# Known faults.


def read_advisories(folder):
    """Every advisory under `crates/`: the TOML at the head of each file."""
    found = []
    for file in sorted((folder / "crates").glob("*/*.md")):
        head = re.match(r"```toml\n(.*?)\n```", file.read_text(), re.DOTALL)
        if head is None:
            sys.exit(f"{file} does not open with an advisory")
        found.append(tomllib.loads(head.group(1)))
    if not found:
        sys.exit(f"{folder} holds no advisories: it should have a folder `crates`")
    return found


def check_faults(packages, advisories, policy):
    """Faults are refused; a package that is unmaintained, or a notice, is printed."""
    ignored = {i["id"] if isinstance(i, dict) else i for i in policy["advisories"]["ignore"]}
    by_name, refused, touched = defaultdict(list), [], 0
    for a in advisories:
        by_name[a["advisory"]["package"]].append(a)
    for p in packages:
        for a in by_name[p["name"]]:
            about = a["advisory"]
            touched += 1
            if "withdrawn" in about or about["id"] in ignored or not affects(a["versions"], p["version"]):
                continue
            line = f"{p['name']} {p['version']} is named by {about['id']} ({about.get('informational', 'a fault')}, {about['date']})"
            if about.get("informational") in ("unmaintained", "notice"):
                print(f"  {line}")
            else:
                refused.append(line)
    print(f"known faults: {touched} advisories on our packages, {len(refused)} refused")
    return refused


def affects(versions, version):
    fixed = versions.get("patched", []) + versions.get("unaffected", [])
    return not any(matches(version, requirement) for requirement in fixed)


def matches(version, requirement):
    """Whether a version lies in a range such as `>= 0.4.8, < 1.0.0-0`, `^0.2` or `~1.2`."""
    return all(compares(ordered(version), part.strip()) for part in requirement.split(","))


def compares(version, part):
    sign, text = re.fullmatch(r"(>=|<=|>|<|=|\^|~)?\s*(\S+)", part).groups()
    given = text.partition("-")[0].count(".") + 1
    low = ordered(text)
    if sign in (None, "^", "~"):
        # `^0.2.3` holds the first number that is not zero, `~1.2.3` the first two, as far as they are written.
        significant = next((i for i, n in enumerate(low[0][:given]) if n), given - 1)
        held = min(given - 1, 1 if sign == "~" else significant)
        return version >= low and version[0][: held + 1] == low[0][: held + 1]
    if sign == "=":
        return version[0][:given] == low[0][:given] and version[1] == low[1]
    return {">=": version >= low, "<=": version <= low, ">": version > low, "<": version < low}[sign]


def ordered(text):
    """A version as something that compares: its numbers, then its pre-release, which comes before none."""
    numbers, _, before = text.partition("+")[0].partition("-")
    parts = [int(n) for n in numbers.split(".")]
    pre = [(0, int(w), "") if w.isdigit() else (1, 0, w) for w in before.split(".")] if before else []
    return tuple(parts + [0] * (3 - len(parts))), (0, pre) if before else (1, [])


def say_age(folder):
    origin = origin_of(folder)
    days = int((time.time() - origin["time"]) // 86400)
    date = time.strftime("%Y-%m-%d", time.gmtime(origin["time"]))
    print(f"advisory database: commit {origin['commit'][:12]} of {date}, {days} days old; faults found since are not in it")


def origin_of(folder):
    if (folder / "origin.json").is_file():
        return json.loads((folder / "origin.json").read_text())
    told = subprocess.run(["git", "-C", folder, "log", "-1", "--format=%H %ct"], capture_output=True, text=True, check=True)
    commit, seconds = told.stdout.split()
    return {"commit": commit, "time": int(seconds)}


def extract(database, packages, target):
    names = {p["name"] for p in packages}
    copied = 0
    for file in sorted((database / "crates").glob("*/*.md")):
        if file.parent.name in names:
            (target / "crates" / file.parent.name).mkdir(parents=True, exist_ok=True)
            (target / "crates" / file.parent.name / file.name).write_text(file.read_text())
            copied += 1
    (target / "origin.json").write_text(json.dumps(origin_of(database)) + "\n")
    print(f"{copied} advisories on {len(names)} packages")
    return 0 if copied else 1


# The proof: what must be refused is refused, and what must not is not.

LOCK = """
[[package]]
name = "good"
version = "1.2.3"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "00"
"""
ADVISORY = """```toml
[advisory]
id = "RUSTSEC-0000-0001"
package = "good"
date = "2020-01-01"
[versions]
patched = [">= 1.2.4", ">= 1.1.9, < 1.2.0"]
unaffected = ["< 1.0.0"]
```
"""


def prove():
    """How many cases were planted, and those that were not judged as they should be."""
    policy = tomllib.loads((ROOT / "deny.toml").read_text())
    good = locked(LOCK)
    cases = []

    def expect(what, refused, count):
        cases.append((what, len(refused) == count))

    expect("a sound package", check_sources(good, policy), 0)
    expect("a git repository", check_sources(locked(LOCK.replace("registry+", "git+")), policy), 1)
    expect("another registry", check_sources(locked(LOCK.replace("rust-lang", "someone")), policy), 1)
    expect("no checksum", check_sources(locked(LOCK.replace("checksum", "sum")), policy), 1)
    for licence, count in [("MIT", 0), ("GPL-3.0-only", 1), ("GPL-3.0-only OR MIT", 0), ("GPL-3.0-only AND MIT", 1), ("GPL-3.0/MIT", 0),
                           ("(MIT OR GPL-3.0-only) AND Zlib", 0), ("(MIT OR Zlib) AND GPL-3.0-only", 1), ("MPL-2.0", 1), (None, 1),
                           ("Apache-2.0 WITH LLVM-exception", 0), ("GPL-2.0 WITH Classpath-exception-2.0", 1), ("MIT GPL-3.0", 1)]:
        expect(f"licence {licence}", check_licences(good, {("good", "1.2.3"): licence}, policy), count)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "crates/good").mkdir(parents=True)
        (Path(folder) / "crates/good/RUSTSEC-0000-0001.md").write_text(ADVISORY)
        advisories = read_advisories(Path(folder))
        for version, count in [("1.2.3", 1), ("1.2.4", 0), ("1.2.4-rc.1", 1), ("1.1.9", 0), ("1.1.8", 1), ("1.2.0", 1), ("0.9.9", 0), ("2.0.0", 0)]:
            expect(f"known fault, {version}", check_faults(locked(LOCK.replace("1.2.3", version)), advisories, policy), count)
        for withdrawn, count in [("true", 1), ("false", 0)]:
            (Path(folder) / "go/od").mkdir(parents=True, exist_ok=True)
            (Path(folder) / "go/od/good").write_bytes(b'\3\2\0\0\0x\0001.2.3\0{"vers":"1.2.3","yanked":%s}\0' % withdrawn.encode())
            expect(f"withdrawn {withdrawn}", check_withdrawn(good, Path(folder), policy), count)
    for requirement, version, within in [("^0.2", "0.2.9", True), ("^0.2", "0.3.0", False), ("^1.2", "1.9.0", True), ("^1.2", "2.0.0", False),
                                         ("~1.2", "1.2.7", True), ("~1.2", "1.3.0", False), ("=0.2.1", "0.2.1", True), ("=0.2.1", "0.2.2", False),
                                         ("0.4", "0.4.1", True), ("^0.0.3", "0.0.4", False), ("<= 1.0.0", "1.0.1", False), ("> 1", "1.0.1", True),
                                         ("~1", "1.9.0", True), ("~1", "2.0.0", False), ("< 1.0.0-0", "1.0.0-alpha", False)]:
        cases.append((f"{version} in {requirement}", matches(version, requirement) == within))
    return len(cases), [what for what, held in cases if not held]


if __name__ == "__main__":
    main()
