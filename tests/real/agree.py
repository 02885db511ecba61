#!/usr/bin/env python3
"""Scrapes real pages by `--parser auto` and by `--parser dom`, which must give the same records to the byte.

    tests/real/agree.py target/release/scrape                        # Debian 12 with python3 and apt; 30 MB, a minute
    tests/real/agree.py target/release/scrape --pages ~/saved-pages  # pages of your own instead

The pages are the HTML in Debian's packages, of many generators (see pages.py, which keeps them in target/real-pages). Only
`elapsed_ms` and `fetched_at` may differ. What else does is printed, and the exit code is 1.
"""
import argparse, collections, json, os, re, subprocess, sys
from pathlib import Path

import pages as real

PACKAGES = """ant-doc aptitude-doc-ja bucardo cmake-doc debian-reference-zh-cn docbook-xsl-doc-html exim4-doc-html git-doc
    gnuplot-doc libapache2-mod-perl2-doc libgdk-pixbuf2.0-doc libglib2.0-doc libsvn-doc mhonarc mit-scheme-doc ncurses-doc
    stl-manual swi-prolog-doc w3m zsh-doc""".split()
PAGES_OF_A_PACKAGE, LEAST_PAGES, LEAST_GENERATORS = 300, 2000, 8
GENERATORS = {  # what wrote a page, by what its first kilobytes say
    "GTK-Doc": rb'content="GTK-Doc', "AsciiDoc": rb'content="AsciiDoc', "DocBook XSL": rb'content="DocBook XSL',
    "doxygen": rb'content="Doxygen', "gi-docgen": rb'"body-wrapper"[^>]*>\s*<nav class="sidebar devhelp', "htmldoc": rb"htmldoc",
    "javadoc": rb'[Gg]enerated by javadoc|content="javadoc', "LaTeX2HTML": rb"LaTeX2HTML", "man2html": rb"man2html",
    "SWI-Prolog": rb"SWI-Prolog latex2html", "pod2html": rb'<body>\s*<ul id="index">\s*<li><a href="#[A-Z]',
    "Sphinx": rb"sphinxsidebar|_static/sphinx|Docutils", "texinfo": rb"texi2any|makeinfo|texi2html",
}
# The fields, and whether pages can be read for them without a tree.
RECIPES = {
    "title": (True, ["title=title"]),
    "title, links and headings": (True, ["title=title", "links[]=a[href]::attr(href)", "h2[]=h2"]),
    "firsts of many kinds": (True, [
        "charset=meta[charset]::attr(charset)", "generator=meta[name=generator]::attr(content)", "style=link[rel=stylesheet]::attr(href)",
        "lang=html::attr(lang)", "class=body::attr(class)", "heading=h1, h2, .title", "para=body p", "image=img::attr(src)",
    ]),
    "lists of many kinds": (True, [
        "metas[]=meta[name]::attr(content)", "heads[]=h1, h2, h3, h4", "code[]=pre, code, tt", "cells[]=table tr > td",
        "items[]=ul li, ol li, dl dd", "nav[]=div.navheader a, .related a, .header a::attr(href)",
        "named[]=a[name]::attr(name)", "ids[]=[id]::attr(id)", "out[]=a[href^='http']::attr(href)", "html[]=a[href$='.html' i]",
        "classes[]=span[class*=e]", "not[]=p:not(.footer):not([class])", "deep[]=:is(div, table) :where(b, i, em, strong)",
    ]),
    "what needs the tree": (False, [
        "row[]=tr:nth-child(2) > :nth-child(odd)", "html[]=h1, title::html", "after[]=h2 + p", "later[]=h1 ~ p:last-of-type",
        "has[]=li:has(> a)", "empty[]=a:empty::attr(name)", "first=body > :first-child::html",
    ]),
}
# No page may have this character: where the log does not say of this one that it is read into a tree, it never says so.
ODD = {b"/-odd": b"<title>\0</title>"}
READ_INTO_A_TREE = b"the page is read into a tree"
TIMES = re.compile(rb'"elapsed_ms":\d+,"fetched_at":"[^"]*"')


def scrape(program, fields, parser):
    """The records without their times, and how often the log says that a page is read into a tree after all."""
    out = real.WORK / f"{parser}.jsonl"
    command = [program, real.WORK / "urls.txt", "--config", "/dev/null", "-c", "20", "--no-adapt", "--progress", "never"]
    command += ["--ordered", "--parser", parser, "-o", out, "--overwrite"]
    for field in fields:
        command += ["-s", field]
    run = subprocess.run(command, env={"PATH": os.environ["PATH"], "RUST_LOG": "scrape::extract=trace"}, stderr=subprocess.PIPE)
    if run.returncode:
        sys.exit(f"{parser} ended with {run.returncode}:\n{run.stderr.decode(errors='replace')[-2000:]}")
    return TIMES.sub(b'"elapsed_ms":0', out.read_bytes()).splitlines(), run.stderr.count(READ_INTO_A_TREE)


def count(record):
    return sum(len(value) if isinstance(value, list) else value is not None for value in json.loads(record)["data"].values())


def show(auto, dom):
    """Where two records differ first."""
    at = next((at for at, pair in enumerate(zip(auto, dom)) if pair[0] != pair[1]), min(len(auto), len(dom)))
    around = slice(max(at - 60, 0), at + 120)
    print(f"DIFFERENT {json.loads(dom)['url']}\n  auto  {auto[around].decode(errors='replace')}")
    print(f"  dom   {dom[around].decode(errors='replace')}")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("scrape", type=Path, help="the program")
    options.add_argument("--pages", type=Path, help="a folder with pages, instead of Debian's packages")
    options = options.parse_args()
    root = (options.pages or real.WORK / "pages").resolve()
    folders = [root] if options.pages else map(real.unpack, PACKAGES)
    pages = [page for folder in folders for page in real.find_pages(folder, 10**9 if options.pages else PAGES_OF_A_PACKAGE)]
    real.WORK.mkdir(parents=True, exist_ok=True)
    urls = real.serve(root, pages, ODD)
    (real.WORK / "urls.txt").write_text("".join(f"{url}\n" for url in urls))

    heads = [page.read_bytes()[:8000] for page in pages]
    written = collections.Counter(next((name for name, by in GENERATORS.items() if re.search(by, head)), "others") for head in heads)
    print(f"{len(pages)} pages:", ", ".join(f"{name} {n}" for name, n in written.most_common()))
    is_enough = options.pages or (len(pages) >= LEAST_PAGES and len(written.keys() - {"others"}) >= LEAST_GENERATORS)
    differ = values = 0
    for name, (is_quick, fields) in RECIPES.items():
        (auto, trees), (dom, _) = (scrape(options.scrape.resolve(), fields, parser) for parser in ("auto", "dom"))
        if len(auto) != len(urls) or len(dom) != len(urls):
            sys.exit(f"{name}: {len(urls)} pages gave {len(auto)} and {len(dom)} records")
        if is_quick and not trees:
            sys.exit(f"{name}: the log does not say which pages are read into a tree")
        different = [pair for pair in zip(auto, dom) if pair[0] != pair[1]]
        for pair in different[:5]:
            show(*pair)
        found, differ = sum(map(count, dom)), differ + len(different)
        values += found
        quick = f"{len(urls) - trees} pages read without a tree" if trees else "all pages read into trees"
        print(f"{name}: {found} values, {len(different)} records differ, {quick}")
    print(f"{len(RECIPES) * len(pages)} records with {values} values compared: {differ} differ")
    if not is_enough:
        sys.exit(f"fewer than {LEAST_PAGES} pages or {LEAST_GENERATORS} generators")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
