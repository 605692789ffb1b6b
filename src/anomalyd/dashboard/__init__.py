"""The static dashboard page: no bundler, speaks only the public REST API.

``index.html``, ``dashboard.css`` and the ``.js`` modules are served as they are under
``/_dashboard/`` by the REST facade.
"""
