"""What is wrong with an experiment file beyond its keys: what does not belong to its task."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from napari_unlearn.experiment.settings import File

if TYPE_CHECKING:
    from napari_unlearn.experiment.kinds import Kind


def misfit(
    file: File, kind: "Kind", kinds: Mapping[str, "Kind"]
) -> Iterator[tuple[str, object, str]]:
    """Key, value and what is accepted of everything that does not belong to the file's task."""
    network = file.model.architecture
    if network not in kind.architectures:
        tasks = [task for task, other in kinds.items() if network in other.architectures]
        accepted = " or ".join(map(json.dumps, kind.architectures))
        yield (
            "model.architecture",
            network,
            f"{accepted} where key 'task' is '{file.task}' ('{network}' is for {tasks[0]})",
        )
    for key, reason in kind.foreign.items():
        table, _, name = key.partition(".")
        section = getattr(file, table)
        value = getattr(section, name)
        usual = type(section).model_fields[name].get_default(call_default_factory=True)
        if value != usual:
            yield key, value, f"no such key where key 'task' is '{file.task}', as {reason}"
