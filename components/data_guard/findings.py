"""Problems of fields, in words."""

from collections.abc import Mapping

from schema import contract


def of_fields(
    held: Mapping[str, str], auc: Mapping[str, Mapping[str, Mapping[str, float]]], max_auc: float
) -> dict[str, str]:
    """One line for each feature that is empty, is constant or leaks a label; by feature, sorted.

    Args:
        held: What features without information hold; see `values.without_information`.
        auc: AUC of each feature alone; see `leakage.alone`.
        max_auc: Largest that does not count as a leak.
    """
    lines = {name: f"a field's values should differ. Received: {what}" for name, what in held.items()}
    for name, by_label in auc.items():
        leaks = [
            f"AUC {by_tell[tell]:.4f} on {label} by its {tell}"
            for label, by_tell in by_label.items()
            if by_tell[tell := max(by_tell, key=by_tell.__getitem__)] > max_auc
        ]
        if leaks:
            lines[name] = (
                f"a field alone should not tell a label, above guard.max_auc {max_auc:g}. Received: {', '.join(leaks)}"
            )
    return {name: f"{contract.TRAIN_SPLIT}, {name}: {lines[name]}" for name in sorted(lines)}
