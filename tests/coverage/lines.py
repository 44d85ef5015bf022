"""Reads lcov, leaves out the tests themselves, and prints which lines of src are not reached."""

import os
import re
import sys


def counts(path):
    """How often each line of each file under src was reached; unit tests in files of their own left out."""
    files, lines = {}, {}
    root = os.path.join(os.getcwd(), "src") + os.sep
    for record in open(path, encoding="utf-8"):
        kind, _, value = record.strip().partition(":")
        if kind == "SF":
            inside = value.startswith(root) and not re.search(r"/(tests?|test_\w+)(/|\.rs$)", value)
            lines = files.setdefault(value, {}) if inside else {}
        elif kind == "DA":
            line, count = value.split(",")[:2]
            lines[int(line)] = lines.get(int(line), 0) + int(count)
    return files


def test_lines(source):
    """The lines of items under #[cfg(test)]."""
    found, at = set(), 0
    while at < len(source):
        if re.match(r"\s*#\[cfg\((all\()?test\b", source[at]):
            indent = re.match(r"\s*", source[at]).group()
            end = at
            while not re.search(r"[{;]\s*$", source[end]):
                end += 1
            if source[end].rstrip().endswith("{"):
                while source[end] != indent + "}":
                    end += 1
            found.update(range(at + 1, end + 2))
            at = end
        at += 1
    return found


def main():
    reports, reached, total = [], 0, 0
    for path, lines in counts(sys.argv[1]).items():
        source = open(path, encoding="utf-8").read().split("\n")
        left_out = test_lines(source)
        lines = {line: count for line, count in lines.items() if line not in left_out}
        missed = sorted(line for line, count in lines.items() if not count)
        reached += len(lines) - len(missed)
        total += len(lines)
        if missed:
            percent = 100 * (len(lines) - len(missed)) / len(lines)
            reports.append((percent, os.path.relpath(path), [(n, source[n - 1].strip()) for n in missed]))
    for percent, path, missed in sorted(reports):
        print(f"{percent:6.2f} % {path}")
        for number, text in missed:
            print(f"         {number}: {text}")
    print("below 95 %:", ", ".join(f"{path} {percent:.0f} %" for percent, path, _ in sorted(reports) if percent < 95))
    print(f"{reached} of {total} lines: {100 * reached / total:.2f} %")


main()
