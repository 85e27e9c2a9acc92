"""Makes the two fonts beside this file from Debian's fonts-open-sans 1.11. Needs fonttools.

    python3 subset.py /usr/share/fonts/truetype/open-sans
"""
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

FAMILY = "Casebook Sans"
SOURCES = [("OpenSans-Regular.ttf", "Regular", 400), ("OpenSans-Semibold.ttf", "SemiBold", 600)]
LATIN = [*range(0x20, 0x7F), *range(0xA0, 0x180)]
GREEK = [code for code in range(0x391, 0x3CA) if code != 0x3A2]
SIGNS = [ord(sign) for sign in "–—‘’‚“”„†•…‰′″€™∂∆−√∞≈≠≤≥"]

for source, style, weight in SOURCES:
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["kern", "ccmp", "locl", "mark"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
    options.notdef_outline = True
    options.recalc_timestamp = False
    font = TTFont(Path(sys.argv[1]) / source, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=LATIN + GREEK + SIGNS)
    cutter.subset(font)
    full = f"{FAMILY} {style}"
    names = {1: FAMILY, 2: "Regular", 3: full, 4: full, 6: full.replace(" ", ""), 16: FAMILY, 17: style}
    for record in list(font["name"].names):
        if record.nameID in names:
            font["name"].setName(names[record.nameID], record.nameID, record.platformID, record.platEncID, record.langID)
    for number in (16, 17):
        font["name"].setName(names[number], number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = weight
    font.save(Path(__file__).parent / f"casebook-sans-{style.lower()}.ttf")
