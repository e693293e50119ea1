"""One TOML file and what it means: its keys, its mistakes, its jobs, a look before the work."""

from napari_unlearn.experiment.experiment import FILE, TRAINED, Experiment

__all__ = ["FILE", "TRAINED", "Experiment"]
