"""What detectors and classifiers are compared by, and which of it a person may choose by."""

from dataclasses import dataclass, replace

from lt_det.errors import ConfigError


@dataclass(frozen=True)
class Figures:
    """What candidates of a kind are measured by, in percent.

    Attributes:
        shown: in tables, in their order.
        choosable: of those, with an interval of its difference; by what a flag calls them.
        chosen_by: one of these.
        head: what a choice must not lose in silence, another of them.
        head_name: of what that is, in words.
        groups: of those shown, the ones of parts of the classes.
    """

    shown: tuple[str, ...]
    choosable: dict[str, str]
    chosen_by: str
    head: str
    head_name: str
    groups: tuple[str, ...]

    def by(self, flag: str) -> "Figures":
        """Return these, with another to choose by.

        Args:
            flag: a key of :attr:`choosable`; empty leaves it.

        Raises:
            ConfigError: it is none.
        """
        if flag and flag not in self.choosable:
            raise ConfigError(f"--by {flag}: of {', '.join(self.choosable)}")
        return replace(self, chosen_by=self.choosable[flag]) if flag else self


BY_AP = Figures(
    shown=("AP", "AP_fixed", "APr", "APc", "APf", "by instances"),
    choosable={"AP": "AP", "APr": "APr", "APc": "APc", "APf": "APf", "instances": "by instances"},
    chosen_by="AP",
    head="APf",
    head_name="the frequent categories",
    groups=("APr", "APc", "APf"),
)
BY_TOP1 = Figures(
    shown=("top1", "mean recall", "many", "medium", "few"),
    choosable={
        **{"top1": "top1", "recall": "mean recall"},
        **{"many": "many", "medium": "medium", "few": "few"},
    },
    chosen_by="top1",
    head="many",
    head_name="the many-shot classes",
    groups=("many", "medium", "few"),
)
