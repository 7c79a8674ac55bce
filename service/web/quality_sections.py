"""What the quality report says, section by section, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.web.quality_charts import bars, curves, histogram, matrix, steps
from service.web.quality_page import Section, Table
from service.web.quality_words import Words

Data = Mapping[str, Any]


def report_sections(document: Data, words: Words) -> list[Section]:
    """Return the sections of a run's whole report: the computation first, where there is one."""
    found: list[Section] = []
    if computation := document.get("computation"):
        found += _computation(computation, words)
    if linkage := document.get("linkage"):
        found += _linkage(linkage, words)
    return found


def _computation(own: Data, words: Words) -> list[Section]:
    text = words.say.text
    found = []
    if "overall" in own:
        heads = (text("Registers"), text("Linked pairs"), text("Precision"), text("Recall"), text("Compared at all"))
        lines = [(text("All registers"), own["overall"])]
        for name, one in own["by_register_pair"].items():
            lines.append((" – ".join(words.register(part) for part in name.split("/")), one))
        rows = [
            (name, words.count(one["linked_pairs"]), *(words.interval(one[key]) for key in _SHARES))
            for name, one in lines
        ]
        found.append(
            Section(
                text("Estimated quality of the persons"),
                text(
                    "Estimated without the truth, each with its 95-percent interval: links that are one person "
                    "(precision), pairs of one person that are linked (recall), and those that some pass compared."
                ),
                tables=[Table(text("Estimated quality by pair of registers"), heads, rows)],
            )
        )
    if "scores" in own:
        found += [_scores(own["scores"], words), _thresholds(own["thresholds"], words)]
    if own.get("producers"):
        found += [_linked(own["producers"], words), _reached(own["producers"], words)]
    return found


_SHARES = ("precision", "recall", "completeness")


def _linkage(own: Data, words: Words) -> list[Section]:
    found = [_blocking(own, words)]
    if "scores" in own:
        found += [_scores(own["scores"], words), _thresholds(own["thresholds"], words)]
    if own["passes"]:
        found.append(_weights(own["passes"], words))
    if own.get("masked_pairs"):
        found.append(_masked(own["masked_pairs"], words))
    if own.get("registers"):
        found.append(_unlinkable(own["registers"], words))
    return found


def _blocking(own: Data, words: Words) -> Section:
    text, blocking, passes = words.say.text, own["blocking"], own["passes"]
    heads = (
        text("Pass"),
        text("Rows"),
        text("Blocks"),
        text("Largest block"),
        text("Pairs compared"),
        text("Estimated matches"),
        text("Pairs with probability of at least one half"),
    )
    rows = []
    for name, one in blocking.items():
        fitted = passes.get(name, {})
        counts = [*(one.get(key) for key in ("rows", "blocks", "largest_block"))]
        counts += [
            one.get("pairs", fitted.get("pairs")),
            fitted.get("estimated_matches"),
            fitted.get("estimated_links"),
        ]
        rows.append((name, *(words.count(value) for value in counts)))
    said = text("Rows of a pass are compared inside their blocks only.")
    if not own["converged"]:
        said += " " + text("The estimation had not settled when it ended: read the figures with care.")
    if own["inverted"]:
        said += " " + text("Agreement weighs less than disagreement here:") + " " + ", ".join(own["inverted"])
    drawn = [{"name": name, "value": one.get("pairs"), "kind": "main"} for name, one in blocking.items()]
    chart = bars(drawn, words.theme, text("Pairs compared"), logarithmic=True)
    caption = text("Passes: rows, blocks, pairs compared, and estimated matches")
    return Section(text("Blocking"), said, [(caption, chart)], [Table(caption, heads, rows)])


def _scores(own: Data, words: Words) -> Section:
    text, every, expected = words.say.text, words.say.text("all pairs"), words.say.text("expected matches")
    rows, drawn = [], []
    for place, (pairs, matches) in enumerate(zip(own["pairs"], own["expected_matches"], strict=True)):
        low = own["from"] + place * own["step"]
        ends = {"from": low, "to": low + own["step"]}
        drawn += [{**ends, "series": every, "pairs": pairs or 0}, {**ends, "series": expected, "pairs": matches or 0}]
        name = text("%(low)s to %(high)s", {"low": words.say.number(low), "high": words.say.number(low + own["step"])})
        rows.append((name, words.count(pairs), words.count(matches, 1)))
    caption = text("Pairs by match weight (log2)")
    heads = (text("Match weight (log2)"), text("Pairs"), text("Expected matches"))
    return Section(
        text("Scores"),
        text("Two hills far apart are a good sign; what lies between them is doubtful."),
        [(caption, histogram(drawn, words.theme, text("Pairs"), text("Match weight (log2)")))],
        folded=[Table(caption, heads, rows)],
    )


def _thresholds(own: list[Data], words: Words) -> Section:
    text = words.say.text
    names = {"precision": text("Precision"), "recall": text("Recall")}
    drawn = [
        {"threshold": point["threshold"], "series": name, "value": point[key]}
        for key, name in names.items()
        for point in own
        if point[key] is not None
    ]
    rows = [
        (
            words.say.number(point["threshold"], 2),
            words.count(point["links"]),
            *("–" if point[key] is None else words.say.percent(point[key], 1) for key in names),
        )
        for point in own
    ]
    caption = text("Expected precision and recall by threshold")
    return Section(
        text("Threshold curve"),
        text("What linking every pair of at least a probability would give, from the calibrated probabilities."),
        [(caption, curves(drawn, words.theme, text("Expected share"), text("Match probability")))],
        [Table(caption, (text("Match probability"), text("Pairs"), *names.values()), rows)],
    )


def _weights(passes: Data, words: Words) -> Section:
    text = words.say.text
    heads = (text("Agreement level"), "m", "u", text("Match weight (log2)"))
    folded = []
    for name, one in passes.items():
        rows = []
        for variable, values in one["variables"].items():
            for place, level in enumerate(values["levels"]):
                figures = [words.say.number(values[key][place], 4) for key in ("m", "u")]
                rows.append((f"{variable}: {level}", *figures, words.say.number(values["weight"][place], 2)))
        caption = text("m- and u-probabilities of pass %(name)s", {"name": name})
        folded.append(Table(caption, heads, rows))
    main = max(passes, key=lambda name: (passes[name]["estimated_matches"] or 0, name))
    drawn = [
        {"name": f"{variable}: {level}", "value": weight, "kind": "main" if weight >= 0 else "other"}
        for variable, values in passes[main]["variables"].items()
        for level, weight in zip(values["levels"], values["weight"], strict=True)
    ]
    caption = text("Match weights of pass %(name)s", {"name": main})
    return Section(
        text("Weights of agreement"),
        text("How much each level of agreement speaks for a match (right of zero) or against one."),
        [(caption, bars(drawn, words.theme, text("Match weight (log2)"), ".1f"))],
        folded=folded,
    )


def _masked(pairs: list[Data], words: Words) -> Section:
    text = words.say.text
    kinds = {"match": text("A match"), "doubt": text("A doubtful pair"), "other": text("A pair of two persons")}
    charts, tables = [], []
    for one in pairs:
        lines = [(text("before any comparison"), "", one["prior"])]
        lines += [(step["variable"], step["level"], step["weight"]) for step in one["steps"]]
        drawn, at = [], 0.0
        for name, level, weight in lines:
            label = f"{name}: {level}" if level else name
            drawn.append({"name": label, "start": at, "end": at + weight, "kind": "other"})
            at += weight
        drawn.append({"name": text("together"), "start": 0.0, "end": at, "kind": "main"})
        caption = text(
            "%(kind)s in pass %(name)s: probability %(probability)s, shared by %(pairs)s pairs",
            {
                "kind": kinds[one["kind"]],
                "name": one["pass"],
                "probability": words.say.percent(one["probability"], 1),
                "pairs": words.say.number(one["pairs"]),
            },
        )
        charts.append((caption, steps(drawn, words.theme, text("Log2 of the odds"))))
        rows = [(name, level or "–", words.say.number(weight, 2)) for name, level, weight in lines]
        rows.append((text("together"), "–", words.say.number(at, 2)))
        tables.append(Table(caption, (text("Field"), text("Agreement level"), text("Log2 of the odds")), rows))
    return Section(
        text("How a weight comes about"),
        text("Agreement levels that many pairs share, never those of one pair; no value of any record is known here."),
        charts,
        folded=tables,
    )


def _unlinkable(registers: Data, words: Words) -> Section:
    text = words.say.text
    drawn = [
        {"row": at, "column": words.register(name), "share": one.get("unlinkable", {}).get("share")}
        for at in dict.fromkeys(at for passes in registers.values() for at in passes)
        for name, passes in registers.items()
        for one in (passes.get(at, {}),)
    ]
    caption = text("Rows that no agreement could link, by pass and register")
    tables = [_pass_table(words.register(name), passes, words) for name, passes in registers.items()]
    return Section(
        text("Unlinkable records"),
        text(
            "A row held against itself agrees on all it has. Where even that is no likely match, the row has too few "
            "values to be linked in that pass. Rows include the dummies that hide how many persons a register holds."
        ),
        [(caption, matrix(drawn, words.theme))],
        folded=[*tables, *(_missing_table(words.register(name), passes, words) for name, passes in registers.items())],
    )


def _pass_table(name: str, passes: Data, words: Words) -> Table:
    text = words.say.text
    heads = (text("Pass"), text("Rows"), text("Unlinkable"), text("Compared with no other"), text("With a likely pair"))
    rows = []
    for at, one in passes.items():
        shares = [words.share(one[key]["share"]) if key in one else "–" for key in ("unlinkable", "alone", "linked")]
        rows.append((at, words.count(one["rows"]), *shares))
    return Table(text("Rows of %(register)s by pass", {"register": name}), heads, rows)


def _missing_table(name: str, passes: Data, words: Words) -> Table:
    variables = list(dict.fromkeys(variable for one in passes.values() for variable in one.get("missing", {})))
    rows = [
        (at, *(words.share(one["missing"][variable]) for variable in variables))
        for at, one in passes.items()
        if "missing" in one
    ]
    caption = words.say.text("Rows of %(register)s without a value to compare, by field", {"register": name})
    return Table(caption, (words.say.text("Pass"), *variables), rows)


def _linked(producers: Data, words: Words) -> Section:
    text = words.say.text
    drawn = [
        {"row": words.register(name), "column": words.register(other), "share": link["share"]}
        for name, one in producers.items()
        for other, link in one["linked"].items()
    ]
    caption = text("Share of each register's subjects (rows) linked with another register (columns)")
    tables = [_linked_table(words.register(name), one, words) for name, one in producers.items()]
    said = text("The corrected share allows for wrong and missed links: links times precision over recall.")
    return Section(text("Links between registers"), said, [(caption, matrix(drawn, words.theme))], folded=tables)


def _linked_table(name: str, one: Data, words: Words) -> Table:
    text = words.say.text
    heads = (text("Linked with"), text("Subjects"), text("Share"), text("Corrected share and its 95-percent interval"))
    rows = [
        (
            words.register(other),
            words.count(link["subjects"]),
            words.share(link["share"]),
            words.interval(link["corrected"]),
        )
        for other, link in one["linked"].items()
    ]
    return Table(text("Subjects of %(register)s by other register", {"register": name}), heads, rows)


def _reached(producers: Data, words: Words) -> Section:
    text = words.say.text
    labels = {
        "no_row": text("in no pass: withheld by the caps or without a key"),
        "no_likely_pair": text("without any likely pair"),
        "linked_at_all": text("linked with some other register"),
        "left_apart": text("with a likely pair that was left apart"),
        "rivals": text("sharing a partner with another subject of a register that holds each person once"),
    }
    heads = (text("Register"), text("Subjects"), *labels.values())
    rows = [
        (words.register(name), words.count(one["subjects"]), *(words.share(one[key]["share"]) for key in labels))
        for name, one in producers.items()
    ]
    drawn = [
        {"row": words.register(name), "column": label, "share": producers[name][key]["share"]}
        for name in producers
        for key, label in (("no_row", text("in no pass")), ("no_likely_pair", text("no likely pair")))
    ]
    caption = text("Subjects by what became of them")
    return Section(
        text("Subjects reached, linked and in doubt"),
        text("Subjects that share a partner may stand twice in their register; those left apart are worth a look."),
        [(caption, matrix(drawn, words.theme))],
        [Table(caption, heads, rows)],
    )


def producer_sections(document: Data, words: Words) -> list[Section]:
    """Return the sections of one producer's diagnosis: aggregates of its own register."""
    text, name = words.say.text, words.register(document["register"])
    found = []
    if "linked" in document:
        own = {document["register"]: document["linked"]}
        found += [_linked(own, words), _reached(own, words)]
        reached = [(at, words.share(value)) for at, value in document["linked"]["in_pass"].items()]
        caption = text("Share of subjects of %(register)s that have a row in each pass", {"register": name})
        found.append(
            Section(
                text("Subjects by pass"),
                text("A subject is missing in a pass if the caps withhold it or a value of the pass's key is missing."),
                tables=[Table(caption, (text("Pass"), text("Share")), reached)],
            )
        )
    if "passes" in document:
        found.append(_unlinkable({document["register"]: document["passes"]}, words))
    if "cells" in document:
        heads = (text("Column"), text("Rule"), text("Rows"), text("Missing"), text("Not in its form"))
        rows = [
            (column, one["rule"] or "–", *(words.count(one[key]) for key in ("rows", "missing", "invalid", "unmapped")))
            for column, one in document["cells"].items()
        ]
        caption = text("Cells of the payload of %(register)s", {"register": name})
        said = text("Cells that are missing, that do not read, or that stand in no code list.")
        table = Table(caption, (*heads, text("In no code list")), rows)
        found.append(Section(text("Payload"), said, tables=[table]))
    return found
