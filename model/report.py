"""What was found when a set of photos was read: told before a training, which may take hours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

FEW = 50  # photos of a class, below which a network has little to learn from
UNEVEN = 3  # times as many photos in one class as in another


@dataclass
class Findings:
    """`sizes` are (width, height) of every photo that was read, `skipped` counts files of other kinds by suffix."""

    sizes: list[tuple[int, int]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)  # the size of each group of near-copies
    apart: int = 0  # of these groups: with members among the set's own test photos as well as others


def report(findings: Findings, names: list[str], counts: list[int]) -> list[str]:
    """Lines for people: photos a class (`counts`, by `names`), sizes, what was left out, near-copies, and warnings."""
    smallest = min(findings.sizes, key=lambda size: size[0] * size[1])
    largest = max(findings.sizes, key=lambda size: size[0] * size[1])
    sizes = _size(smallest) if smallest == largest else f"{_size(smallest)} to {_size(largest)}"
    lines = [f"{sum(counts):,} photos, {sizes} pixels"]
    width = max(map(len, names))
    lines += [f"  {name.ljust(width)}  {count:>6,}" for name, count in zip(names, counts, strict=True)]
    if findings.skipped:
        kinds = ", ".join(
            f"{count:,} {suffix or 'without a suffix'}" for suffix, count in findings.skipped.most_common()
        )
        lines.append(f"skipped, no pictures that can be read: {kinds}")
    if findings.broken:
        lines.append(f"skipped, broken: {_listed(findings.broken)}")
    if findings.copies:
        lines.append(
            f"{sum(findings.copies):,} photos are near-copies of others, in {len(findings.copies):,} groups; "
            "each group is on one side of the split"
        )
    if findings.apart:
        lines.append(
            f"warning: {findings.apart:,} of these groups are among the set's own test photos as well as the others; "
            "the accuracy will be too good"
        )
    few = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count < FEW]
    if few:
        lines.append(f"warning: fewer than {FEW} photos of {', '.join(few)}; more photos would help most")
    most, least = max(counts), min(counts)
    if most > UNEVEN * least:
        more, fewer = names[counts.index(most)], names[counts.index(least)]
        lines.append(
            f"warning: {most / least:.0f} times as many photos of {more} as of {fewer}; "
            "the network will favour the larger class"
        )
    return lines


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def broken_message(broken: list[str]) -> str:
    """What to do about photos that cannot be read."""
    what = "1 photo cannot be read" if len(broken) == 1 else f"{len(broken)} photos cannot be read"
    return f"{what}: {_listed(broken)}; remove or replace them, or leave them out with --skip-broken"
