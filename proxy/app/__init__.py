"""The only place where parts are joined."""

from proxy.app.create import create_app as create_app
from proxy.app.parts import configured_models as configured_models
from proxy.app.parts import lanes_of as lanes_of
from proxy.app.parts import limits_of as limits_of
from proxy.app.parts import turn_router as turn_router
