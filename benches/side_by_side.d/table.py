"""table.py RUNS WORKLOAD KEY TITLE: the medians of a workload's runs as a Markdown table; the last column compares them by KEY."""

import csv, statistics, sys

COLUMNS = {"wall": "wall s", "cpu": "CPU s", "peak": "peak MiB", "fast": "90 % of the fast out, s"}
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
compared = {"wall": "time", "peak": "memory", "fast": "90 % out"}[key]
columns = [c for c in COLUMNS if c != "fast" or key == "fast"]
print(f"\n### {title}\n")
print("| tool | extracts |", *(f"{COLUMNS[c]} |" for c in columns), f"rows | {compared} × {base} |")
print("|---|---|" + "--:|" * (len(columns) + 2))
for (tool, extracts), rows in sorted(runs.items(), key=lambda item: median(item[1], key)):
    ratio = median(rows, key) / max(peers.get(base, median(rows, key)), 0.01)
    bad = " (broke off)" if any(row["exit"] != "0" for row in rows) else ""
    counted = min(int(row["rows"]) for row in rows)
    print(f"| {tool} | {extracts} |", *(f"{median(rows, c):.2f} |" for c in columns), f"{counted}{bad} | {ratio:.2f} |")
