"""Settings that are read and changed while the service runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anomalyd.errors import IllegalArgument, MissingBody
from anomalyd.model.index_names import IndexNames
from anomalyd.model.setting import PREFIX, RuntimeSetting, read_changes
from anomalyd.store.base import DocumentStore, DocumentWrite

Document = dict[str, Any]

_ID = "settings"


class SettingsService:
    """Use cases of settings. Thread-safe.

    Changes are kept in the document store, so they outlive the process; a change that is taken
    back leaves the default.

    Args:
        documents: where changes are kept.
        names: their index.
        settings: what can be changed.
        apply: told all values, by name without prefix, on each change before it is answered.
    """

    def __init__(
        self,
        *,
        documents: DocumentStore,
        names: IndexNames,
        settings: Sequence[RuntimeSetting],
        apply: Callable[[Mapping[str, int]], None],
    ) -> None:
        self._documents = documents
        self._index = names.settings
        self._settings = {setting.name: setting for setting in settings}
        self._apply = apply
        self._changing = threading.Lock()

    def restore(self) -> None:
        """Apply what was changed before the service was started."""
        self._apply(self._values(self._changed()))

    def read(self, *, defaults: bool = False) -> Document:
        """Return the changed settings by full name; ``defaults`` adds those that are not.

        Returns: ``{"persistent": {...}, "transient": {}}``, values as texts.
        """
        changed = self._changed()
        answer: Document = {"persistent": self._shown(changed), "transient": {}}
        if defaults:
            answer["defaults"] = self._shown(
                {
                    name: setting.default
                    for name, setting in self._settings.items()
                    if name not in changed
                }
            )
        return answer

    def change(self, body: Mapping[str, Any] | None) -> Document:
        """Change settings, all or none, for everything that begins from now on.

        Args:
            body: see ``read_changes``.

        Returns: ``{"acknowledged": true, "persistent": what was set, "transient": {}}``.

        Raises: MissingBody; IllegalArgument for a setting that is not known or means nothing
            here, and for a value out of bounds, naming it.
        """
        if body is None:
            raise MissingBody("request body is required")
        asked = {self._known(name): value for name, value in read_changes(body).items()}
        given = {
            setting.name: setting.read(value)
            for setting, value in asked.items()
            if value is not None
        }
        with self._changing:
            kept = {
                name: value
                for name, value in self._changed().items()
                if self._settings[name] not in asked
            }
            changed = kept | given
            self._documents.put(
                [DocumentWrite(index=self._index, id=_ID, source={"persistent": changed})]
            )
            self._apply(self._values(changed))
        return {"acknowledged": True, "persistent": self._shown(given), "transient": {}}

    def _known(self, name: str) -> RuntimeSetting:
        setting = self._settings.get(name.removeprefix(PREFIX))
        if setting is None or not name.startswith(PREFIX):
            raise IllegalArgument(f"persistent setting [{name}], not recognized", field=name)
        return setting

    def _changed(self) -> dict[str, int]:
        stored = self._documents.get(self._index, _ID)
        if stored is None:
            return {}
        changes: Mapping[str, int] = stored.source["persistent"]
        # A later version may know fewer settings than the one that wrote them.
        return {name: value for name, value in changes.items() if name in self._settings}

    def _values(self, changed: Mapping[str, int]) -> dict[str, int]:
        return {name: setting.default for name, setting in self._settings.items()} | dict(changed)

    def _shown(self, values: Mapping[str, int]) -> dict[str, str]:
        return {
            f"{PREFIX}{name}": self._settings[name].show(value)
            for name, value in sorted(values.items())
        }
