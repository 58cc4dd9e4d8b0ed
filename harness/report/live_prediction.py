"""What is told of a prediction on a running cloud besides the prediction: all offerings in a table, and the unknown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.predict import LiveQuestion
from harness.report.reading import printable
from harness.report.text_table import table_lines


def offerings_document(asked: Sequence[LiveQuestion]) -> list[dict[str, object]]:
    """A row for each offering, in their order."""
    rows: list[dict[str, object]] = []
    for one in asked:
        prediction = one.predict()
        refusal = prediction.refusal
        offering = one.offering
        rows.append(
            {
                "offering": offering.name,
                "id": offering.id,
                "class": offering.offering_class.value,
                "cpu_cap": offering.cpu_cap,
                "outcome": prediction.outcome.value,
                "hosts": [one.world.host(host_id).name for host_id in prediction.host_ids],
                "cpus": prediction.size.cpus,
                "speed_mhz": prediction.size.speed_mhz,
                "memory_mib": prediction.size.memory_mib,
                "refusal": None if refusal is None else f"{refusal.code} {refusal.text}",
                "defects": [found.rule.id for found in prediction.contradictions],
            }
        )
    return rows


def offerings_text(asked: Sequence[LiveQuestion]) -> str:
    """The same for a terminal."""
    if not asked:
        return "there is no active offering"
    world, instance = asked[0].world, asked[0].instance
    size = instance.size
    head = (
        f"CloudStack {world.release.name}: {instance.name}, {instance.offering.name}, "
        f"{size.cpus} x {size.speed_mhz} MHz, {size.memory_mib} MiB, on {world.host(instance.host_id).name}"
    )
    rows: list[tuple[str, ...]] = [("offering", "outcome", "where", "size then", "cap", "defects", "refusal")]
    for row in offerings_document(asked):
        hosts, defects = row["hosts"], row["defects"]
        rows.append(
            (
                str(row["offering"]),
                str(row["outcome"]),
                " or ".join(map(str, hosts)) if isinstance(hosts, list) else "",
                f"{row['cpus']} x {row['speed_mhz']} MHz, {row['memory_mib']} MiB",
                "yes" if row["cpu_cap"] else "no",
                " ".join(map(str, defects)) if isinstance(defects, list) else "",
                str(row["refusal"] or ""),
            )
        )
    cells = [tuple(printable(" ".join(cell.split())) for cell in row) for row in rows]
    return "\n".join([printable(head), "", *table_lines(cells), "", unseen_text(asked[0]).strip()])


def unseen_text(asked: LiveQuestion) -> str:
    """What the prediction does not know."""
    return "".join(["\nnot known, and it may decide:\n", *(f"  {printable(reason)}\n" for reason in asked.not_seen)])
