"""The finding in a few sentences: what the best method saves, what it keeps and how accurate that is, and on what."""

from __future__ import annotations

from pathlib import Path

from vcmpipe.bench import fmt
from vcmpipe.bench.demo import is_demo
from vcmpipe.bench.result import TARGET, BenchResult, PointResult, chosen_point, key_of
from vcmpipe.bench.short_paths import short_path
from vcmpipe.evaluation import Estimate
from vcmpipe.process.text import count


def headline(result: BenchResult) -> list[str]:
    """A sentence each: what the best method saves at ``TARGET``; its retention and AP, with intervals; on what data."""
    measured = f"Measured on {data_set(result)}."
    if not result.objects:
        return ["There was no object to keep: nothing can be compared.", measured]
    needs, shown = _needs(result)
    return [needs, *([_quality(result, shown)] if shown else []), measured]


def title(result: BenchResult) -> str:
    """What a report is called: the data set and its size."""
    size = count(len(result.sequences), "sequence") if result.sequences else count(result.pictures, "picture")
    images = result.configuration.get("images")
    return f"vcmpipe bench: {f'{_named(str(images))}, ' if images else ''}{size}"


def data_set(result: BenchResult) -> str:
    """The pictures or sequences, their number and annotations, and the protocol where one is followed."""
    text = count(result.pictures, "picture")
    if result.sequences:
        text = f"{count(len(result.sequences), 'sequence')} ({count(result.frames, 'frame')})"
    images = result.configuration.get("images")
    if images:
        text += f" of {_named(str(images))}"
    text += f", annotations {Path(result.truth).name}" if result.truth else ", without annotations"
    protocol = result.configuration.get("protocol")
    return f"{text}, by the protocol {protocol.partition(':')[0]}" if protocol else text


def _named(images: str) -> str:
    """What the pictures are called: the end of their path, which tells data sets apart (``val2017/images``)."""
    return "the built-in demo" if is_demo(images) else short_path(images)


def _needs(result: BenchResult) -> tuple[str, PointResult | None]:
    """What ``TARGET`` of the objects cost, and the point at which the best method is shown."""
    key, share = key_of(TARGET), f"{100 * TARGET:g} %"
    reached = [(value, method) for method in result.methods if (value := method.rate_at[key].value) is not None]
    if not reached:
        points = [point for method in result.methods if (point := chosen_point(result, method.method))]
        most = max(points, key=lambda point: point.retention or 0.0, default=None)
        return f"No method keeps {share} of the objects at any of its points.", most
    least, best = min(reached, key=lambda pair: pair[0])
    needs, name = f"{fmt.rate(least, result)} {fmt.rate_title(result)}", result.anchor
    anchor = next((size for size, method in reached if method.method == name), None)
    shown = chosen_point(result, best.method)
    if best.method == name and len(result.methods) > 1:
        return f"To keep {share} of the objects no method needs fewer bits than {name} ({needs}).", shown
    if best.method == name or anchor is None:
        return f"To keep {share} of the objects {best.method} needs {needs}.", shown
    found = best.against[name].saved[key] if name in best.against else Estimate()
    more = fmt.interval(found, lambda value: f"{value:.1f} %", " in ")
    return (
        f"To keep {share} of the objects {best.method} needs {needs}, {100 * (1 - least / anchor):.1f} % fewer than "
        f"{name} ({fmt.rate(anchor, result)}){f'; 95 % interval {more}' if more else ''}."
    ), shown


def _quality(result: BenchResult, point: PointResult) -> str:
    """What a point keeps, how accurate it is, and what that saves against the anchor."""
    text = f"At {point.label}, {point.method} keeps {_share(point.qualities['retention'])} of the objects"
    if "track_retention" in point.qualities:
        text += f" and {_share(point.qualities['track_retention'])} of the tracks"
    accuracy = next((name for name in ("ap", "ap_source") if point.quality(name) is not None), None)
    if accuracy is None:
        return f"{text}."
    title = fmt.QUALITY_TITLES[accuracy]
    text += f" with {title} {_share(point.qualities[accuracy])}"
    saved = point.saved.get(result.anchor, {}).get(accuracy)
    if saved is None:
        return f"{text}."
    if saved.value is None:
        never = saved.reason == "anchor_not_reached"
        why = f"{result.anchor} never reaches it" if never else f"no comparison ({fmt.reason(saved)})"
        return f"{text}; {why}."
    more = fmt.interval(saved, lambda value: f"{value:.1f} %", " in ")
    text += f"; bits saved against {result.anchor} at equal {title}: {fmt.percent(saved, signed=False)}"
    return f"{text}{f' ({more})' if more else ''}."


def _share(found: Estimate) -> str:
    """A retention or an AP with its interval."""
    more = fmt.interval(found, lambda value: f"{value:.3f}")
    return f"{fmt.number(found.value, 3)}{f' ({more})' if more else ''}"
