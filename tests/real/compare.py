#!/usr/bin/env python3
"""Scrapes thousands of pages that nobody here wrote and compares every value with what lxml and selectolax read there.

    tests/real/compare.py target/release/scrape                        # Debian 12 with python3, pip and apt; 100 MB, minutes
    tests/real/compare.py target/release/scrape --pages ~/saved-pages  # pages of your own instead

The pages are the HTML in Debian's packages: many generators, decades, languages and charsets. They are served on loopback
without a charset. Each difference is put down to its cause by reading the page again with that cause taken away. What no
cause explains is printed, and the exit code is 1. All of it is kept in target/real-pages.
"""
import argparse, collections, functools, json, multiprocessing, os, re, subprocess, sys
from pathlib import Path
from urllib.parse import urljoin

from pages import WORK, find_pages, serve, unpack

LIBRARIES = ["ada-url==4.0.0", "html5lib==1.1", "lxml==6.1.3", "selectolax==1.0.2"]
if not (WORK / "python").exists():
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--target", WORK / "python", *LIBRARIES], check=True)
sys.path.insert(0, str(WORK / "python"))
import ada_url, html5lib, lxml.etree, lxml.html, webencodings
from html5lib._inputstream import HTMLBinaryInputStream
from selectolax.lexbor import LexborHTMLParser

PACKAGES = """anarchism ant-doc apache2-doc aptitude-doc-ja aspectj-doc cmake-doc cppreference-doc-en-html db5.3-doc debian-faq-ko
    debian-faq-ru debian-reference-zh-cn developers-reference-ja docbook-xsl-doc-html exim4-doc-html fp-docs-3.2.2 gcl-doc git-doc
    gnuplot-doc gri-html-doc haproxy-doc installation-guide-amd64 jargon libjdom1-java-doc libjlha-java-doc-ja libtiff-doc
    libxml2-doc lv maint-guide-zh-cn maxima-doc mhonarc mit-scheme-doc ncurses-doc postfix-doc postgresql-doc-15 python3.11-doc
    r-doc-html sqlite3-doc stl-manual swi-prolog-doc tcllib vim-doc w3m xfig-doc zsh-doc""".split()
PAGES_OF_A_PACKAGE = 150
FIELDS = {"title": ("title", None), "links": ("a", "href"), "h1": ("h1", None), "h2": ("h2", None), "imgs": ("img", "src")}
SELECT = "-s title=title -s links[]=a[href]::attr(href) -s h1[]=h1 -s h2[]=h2 -s imgs[]=img::attr(src)".split()


def raw(elements, attribute, text):
    """The values as they stand in a page, by functions for the elements of a name and for what is taken from one of them."""
    def values(tag, wanted):
        taken = (attribute(element, wanted) if wanted else text(element) for element in elements(tag))
        return [value for value in taken if value is not None]
    return {field: values(*what) for field, what in [*FIELDS.items(), ("base", ("base", "href"))]}


def etree(root):
    def name(element):  # comments have none
        return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else None

    def text(element, inside=False):
        if not name(element) or (inside and name(element) in ("script", "style")):
            return ""
        return (element.text or "") + "".join(text(child, True) + (child.tail or "") for child in element)
    return raw(lambda tag: (e for e in root.iter() if name(e) == tag), lambda e, attribute: e.get(attribute), text)


def by_lxml(text):
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    root = lxml.etree.fromstring(text.encode(), parser) if text.strip() else None
    return etree(lxml.etree.Element("html") if root is None else root)


def by_html5lib(text):
    return etree(html5lib.parse(text, namespaceHTMLElements=False))


def by_selectolax(text):
    def text_of(element):
        texts = (node for node in element.traverse(include_text=True) if node.tag == "-text")
        return "".join(node.text_content or "" for node in texts if node.parent.tag not in ("script", "style"))

    def attribute(element, name):
        return (element.attributes[name] or "") if name in element.attributes else None
    return raw(LexborHTMLParser(text).css, attribute, text_of)


def finish(values, url, join):
    """Raw values as scrape writes them: white space made single, links absolute, and only the first title."""
    def absolute(base, link):
        try:
            return join(base, link.strip(" \t\n\r\f"))
        except ValueError:
            return link

    base = absolute(url, values["base"][0]) if values["base"] else url
    one = {"links": functools.partial(absolute, base), "imgs": functools.partial(absolute, base)}
    single = lambda text: re.sub("[ \t\n\r\f\u00a0]+", " ", text).strip(" ")
    done = {name: [one.get(name, single)(value) for value in values[name]] for name in FIELDS}
    return {**done, "title": next(iter(done["title"]), None)}


def compare(record, path):
    """The number of values of a page, and its differences: (library, field, cause, URL, scrape's value, the library's)."""
    sys.setrecursionlimit(20_000)
    url, data, body = record["final_url"], record["data"], path.read_bytes()
    declared = HTMLBinaryInputStream(body, likely_encoding="utf-8", useChardet=False).charEncoding[0]
    text = webencodings.decode(body, declared)[0]
    joins = {"RFC 3986": urljoin, "WHATWG": ada_url.join_url}
    tree = functools.cache(lambda library: library(text))
    read = functools.cache(lambda library, join: finish(tree(library), url, joins[join]))
    found = []
    for library, other in [(by_lxml, by_selectolax), (by_selectolax, by_lxml)]:
        readings = {
            (library, "RFC 3986"): "",
            (library, "WHATWG"): "links: RFC 3986 is not the URL standard",
        }
        for parse in [by_html5lib, other]:
            readings[parse, "WHATWG"] = f"parser: {parse.__name__[3:]} sides with scrape"
        for field in FIELDS:
            cause = next((cause for reading, cause in readings.items() if read(*reading)[field] == data[field]), "UNEXPLAINED")
            if cause:
                found.append((library.__name__[3:], field, cause, url, data[field], read(library, "WHATWG")[field]))
    return sum(len(value) if isinstance(value, list) else 1 for value in data.values()), found


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("scrape", type=Path, help="the program")
    options.add_argument("--pages", type=Path, help="a folder with pages, instead of Debian's packages")
    options = options.parse_args()
    if not options.pages and os.geteuid() == 0 and not (WORK / "pages").exists():
        subprocess.run(["apt-get", "-qq", "update"], check=True)
    root = options.pages or WORK / "pages"
    folders = [root] if options.pages else map(unpack, PACKAGES)
    pages = [page for folder in folders for page in find_pages(folder, 10**9 if options.pages else PAGES_OF_A_PACKAGE)]

    urls = serve(root, pages)
    (WORK / "urls.txt").write_text("".join(f"{url}\n" for url in urls))
    command = [options.scrape.resolve(), WORK / "urls.txt", *SELECT, "-o", WORK / "out.jsonl", "--overwrite", "-c", "20"]
    code = subprocess.run(command).returncode
    records = [json.loads(line) for line in (WORK / "out.jsonl").read_text("utf-8").split("\n")[:-1]]
    is_complete = sorted(record["url"] for record in records) == sorted(urls)
    good = [record for record in records if not record["error"]]
    with multiprocessing.Pool() as pool:
        results = pool.starmap(compare, [(record, urls[record["url"]]) for record in good], 8)
    differences = [difference for _, found in results for difference in found]
    unexplained = [difference for difference in differences if difference[2] == "UNEXPLAINED"]
    for library, field, _, url, ours, theirs in unexplained[:50]:
        pairs = zip(ours, theirs) if isinstance(ours, list) else [(ours, theirs)]
        first = next((pair for pair in pairs if pair[0] != pair[1]), (ours and len(ours), theirs and len(theirs)))
        print(f"UNEXPLAINED {field} of {url}\n  scrape  {str(first[0])[:300]}\n  {library:7} {str(first[1])[:300]}")
    print(f"\n{len(pages)} pages, {len(records)} records ({len(records) - len(good)} failed), exit code {code}")
    values = sum(count for count, _ in results)
    print(f"{len(results) * len(FIELDS)} fields with {values} values, each compared twice; fields that differ:")
    for (library, field, cause), count in sorted(collections.Counter(difference[:3] for difference in differences).items()):
        print(f"{count:7}  {library:10}  {field:5}  {cause}")
    sys.exit(1 if code or unexplained or not is_complete else 0)


if __name__ == "__main__":
    main()
