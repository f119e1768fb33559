"""The papers that figures belong to, told apart by the first part of an id."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Paper:
    """A paper, or a part of one: ``prefix`` begins the ids of its figures and claims, ``label`` is what people call it.

    One without ``arxiv`` is an experiment of this project, for which there is no paper.
    """

    prefix: str
    label: str
    title: str
    arxiv: str | None = None


PAPERS = (
    Paper("p1", "P1", "Local minima of two-layer ReLU networks", arxiv="2604.09412"),
    Paper(
        "p2rf", "P2 · random features", "Random-features diffusion on Gaussian mixtures", arxiv="2605.06367"
    ),
    Paper("p2unet", "P2 · U-Nets", "Memorisation in U-Nets", arxiv="2605.06367"),
    Paper("p3", "P3", "Initialisation decides specialisation", arxiv="2503.02526"),
    Paper("e4", "E4", "Multi-task curricula in transformers"),
)


def paper_of(identifier: str) -> Paper:
    """The paper of a figure or claim id; an unknown prefix is a group of its own.

    >>> paper_of("p3_f8_forgetting").title
    'Initialisation decides specialisation'
    >>> paper_of("mine_f1_first").title
    'mine'
    """
    prefix = identifier.partition("_")[0]
    for paper in PAPERS:
        if paper.prefix == prefix:
            return paper
    return Paper(prefix, prefix, prefix)


def paper_order(paper: Paper) -> tuple[int, str]:
    """Sort key: the papers in their order, then unknown groups by name."""
    place = PAPERS.index(paper) if paper in PAPERS else len(PAPERS)
    return place, paper.prefix
