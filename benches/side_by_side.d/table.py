"""table.py RUNS WORKLOAD KEY TITLE: the medians of a workload's runs as a Markdown table; the last column compares them by KEY."""

import csv, statistics, sys

COLUMNS = {"wall": "wall s", "cpu": "CPU s", "peak": "peak MiB", "fast": "90 % of the fast out, s"}
DIGITS = {"wall": 3, "cpu": 3, "peak": 1, "fast": 2}
READ = {
    "wall": lambda row: float(row["wall"]),
    "cpu": lambda row: float(row["user"]) + float(row["sys"]),
    "peak": lambda row: float(row["peak"]) / 1024,
    "fast": lambda row: float(row["fast"]) / 1_000_000,
}
file, workload, key, title = sys.argv[1:]
runs = {}
with open(file) as lines:
    for row in csv.DictReader(lines, delimiter="\t"):
        if row["workload"] == workload:
            runs.setdefault((row["tool"], row["extracts"]), []).append(row)


def median(rows, column):
    return statistics.median(READ[column](row) for row in rows)


peers = {tool: median(rows, key) for (tool, _), rows in runs.items() if tool != "scrape"}
base = "oha" if "oha" in peers else min(peers, key=peers.get, default="scrape")
compared = {"wall": "wall", "cpu": "CPU", "peak": "memory", "fast": "90 % out"}[key]
# What is not measured of a workload is 0 in all its runs.
columns = [column for column in COLUMNS if any(READ[column](row) for rows in runs.values() for row in rows)]
print(f"\n### {title}\n")
print("| tool | extracts |", *(f"{COLUMNS[c]} |" for c in columns), f"rows | {compared} × {base} |")
print("|---|---|" + "--:|" * (len(columns) + 2))
for (tool, extracts), rows in sorted(runs.items(), key=lambda item: median(item[1], key)):
    ratio = median(rows, key) / max(peers.get(base, median(rows, key)), 0.0001)
    bad = " (broke off)" if any(row["exit"] != "0" for row in rows) else ""
    counted = min(int(row["rows"]) for row in rows)
    print(f"| {tool} | {extracts} |", *(f"{median(rows, c):.{DIGITS[c]}f} |" for c in columns), f"{counted}{bad} | {ratio:.2f} |")
