"""A Scrapy spider: -a list=FILE -a extracts=nothing|title|all; what else it is told stands in the script that runs it."""

import scrapy


class Spider(scrapy.Spider):
    name = "list"

    async def start(self):
        with open(self.list) as lines:
            for line in lines:
                yield scrapy.Request(line.strip())

    def parse(self, page):
        row = {"url": page.url, "status": page.status}
        if self.extracts != "nothing":
            row["title"] = page.css("title::text").get()
        if self.extracts == "all":
            row["links"] = page.css("a[href]::attr(href)").getall()
            row["h2"] = page.css("h2::text").getall()
        yield row
