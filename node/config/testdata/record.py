"""Prints, for each text in the JSON list on standard input, what Python's configparser makes of it.

The answer is one JSON list: for each text, null where the parser or a value is refused, else
{section: {key: value}} with the keys of DEFAULT shown in every section.
"""
import configparser
import json
import sys


def reading(text):
    parser = configparser.ConfigParser(strict=False)
    try:
        parser.read_string(text.encode("utf-8", "surrogatepass").decode("utf-8-sig"))
        return {s: {k: parser.get(s, k) for k in parser.options(s)} for s in parser.sections()}
    except (configparser.Error, UnicodeError):
        return None


json.dump([reading(t) for t in json.load(sys.stdin)], sys.stdout, ensure_ascii=True, indent=1)
