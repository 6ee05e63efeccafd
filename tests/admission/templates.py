"""Pod templates, each with what a test is about, and what a plan is told that has one."""

from typing import Any

import pytest

from support.api import Object

SAFE: Object = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
    "capabilities": {"drop": ["ALL"]},
}
IMAGE = "registry.example.com/undo:1"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/only"


def template(only: Object | None = None, **spec: Any) -> Object:
    """A pod template of one container."""
    container = {"name": "only", "image": IMAGE, **(only or {})}
    return {"spec": {"containers": [container], **spec}}


def context(**security: Any) -> Object:
    """The same with a security context, without the fields that are None."""
    return template({"securityContext": _without_nulls(security)})


def safe(only: Object | None = None, security: Object | None = None, **spec: Any) -> Object:
    """The same as restricted pods are, but for this."""
    secured = _without_nulls({**SAFE, **(security or {})})
    return template({"securityContext": secured, **(only or {})}, **spec)


def annotated(given: Object, name: str, value: str) -> Object:
    """The same with an annotation of the pod."""
    return {"metadata": {"annotations": {name: value}}, **given}


def _without_nulls(fields: Object) -> Object:
    return {name: value for name, value in fields.items() if value is not None}


SPEC = "spec.execution.job.template.spec"
METADATA = "spec.execution.job.template.metadata"
ONLY = f"{SPEC}.containers[only]"
CONTEXT = f"{ONLY}.securityContext"
AWAY = {"host": "127.0.0.1", "port": 80}
ROOT: dict[str, Any] = {
    "hostUsers": False,
    "securityContext": {"runAsNonRoot": False, "runAsUser": 0},
}

BEYOND_BASELINE = [
    pytest.param(template(hostPID=True), f"{SPEC}.hostPID is true: remove it", id="hostPID"),
    pytest.param(template(hostIPC=True), f"{SPEC}.hostIPC is true: remove it", id="hostIPC"),
    pytest.param(
        template(hostNetwork=True), f"{SPEC}.hostNetwork is true: remove it", id="hostNetwork"
    ),
    pytest.param(
        template(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
        f"{SPEC}.volumes[root] is a hostPath: use another kind of volume",
        id="hostPath",
    ),
    pytest.param(
        template({"ports": [{"containerPort": 80, "hostPort": 80}]}),
        f"{ONLY}.ports has a hostPort: remove it",
        id="hostPort",
    ),
    *(
        pytest.param(
            template({probe: {action: AWAY}}),
            f"{ONLY}.{probe}.{action}.host is 127.0.0.1: remove it",
            id=f"{probe} of another host: {action}",
        )
        for probe in ("livenessProbe", "readinessProbe", "startupProbe")
        for action in ("httpGet", "tcpSocket")
    ),
    *(
        pytest.param(
            template({"lifecycle": {hook: {"httpGet": AWAY}}}),
            f"{ONLY}.lifecycle.{hook}.httpGet.host is 127.0.0.1: remove it",
            id=f"{hook} of another host",
        )
        for hook in ("postStart", "preStop")
    ),
    pytest.param(
        template(
            initContainers=[
                {
                    "name": "a",
                    "image": IMAGE,
                    "restartPolicy": "Always",
                    "startupProbe": {"tcpSocket": AWAY},
                }
            ]
        ),
        f"{SPEC}.initContainers[a].startupProbe.tcpSocket.host is 127.0.0.1: remove it",
        id="a probe of another host before",
    ),
    pytest.param(context(privileged=True), f"{CONTEXT}.privileged is true", id="privileged"),
    pytest.param(
        template(
            initContainers=[{"name": "a", "image": IMAGE, "securityContext": {"privileged": True}}]
        ),
        f"{SPEC}.initContainers[a].securityContext.privileged is true: remove it",
        id="privileged before",
    ),
    pytest.param(
        context(capabilities={"add": ["SYS_ADMIN"]}),
        f"{CONTEXT}.capabilities.add has one that is beyond the baseline: remove it",
        id="capabilities",
    ),
    pytest.param(
        context(seccompProfile={"type": "Unconfined"}),
        f"{CONTEXT}.seccompProfile.type is Unconfined: use RuntimeDefault",
        id="seccomp",
    ),
    pytest.param(
        context(appArmorProfile={"type": "Unconfined"}),
        f"{CONTEXT}.appArmorProfile.type is Unconfined: use RuntimeDefault",
        id="AppArmor",
    ),
    pytest.param(
        annotated(template(), APPARMOR, "unconfined"),
        f"{METADATA}.annotations[{APPARMOR}] is unconfined: use runtime/default",
        id="AppArmor by annotation",
    ),
    pytest.param(
        context(procMount="Unmasked"), f"{CONTEXT}.procMount is Unmasked: remove", id="procMount"
    ),
    pytest.param(
        context(seLinuxOptions={"type": "spc_t"}),
        f"{CONTEXT}.seLinuxOptions is beyond the baseline",
        id="SELinux",
    ),
    pytest.param(
        template(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
        f"{SPEC}.securityContext.sysctls sets one that is not safe: remove it",
        id="sysctls",
    ),
    pytest.param(
        template(securityContext={"windowsOptions": {"hostProcess": True}}),
        f"{SPEC}.securityContext.windowsOptions.hostProcess is true: remove it",
        id="hostProcess",
    ),
]
"""What the baseline forbids, and so the restricted standard as well."""

BEYOND_RESTRICTED = [
    pytest.param(
        safe(security={"allowPrivilegeEscalation": None}),
        f"{CONTEXT}.allowPrivilegeEscalation is not false: set it",
        id="escalation",
    ),
    pytest.param(
        safe(security={"runAsNonRoot": False}),
        f"{CONTEXT}.runAsNonRoot is not true: set it, or for the whole pod",
        id="root allowed",
    ),
    pytest.param(
        safe(securityContext={"runAsNonRoot": False}),
        f"{SPEC}.securityContext.runAsNonRoot is false: remove it",
        id="root allowed for the pod, though not for its container",
    ),
    pytest.param(
        safe(security={"runAsUser": 0}), f"{CONTEXT}.runAsUser is 0: choose another", id="root"
    ),
    pytest.param(
        safe(security={"seccompProfile": None}),
        f"{CONTEXT}.seccompProfile.type is neither RuntimeDefault nor Localhost",
        id="no seccomp",
    ),
    pytest.param(
        safe(security={"capabilities": {}}), f"{CONTEXT}.capabilities does not drop ALL", id="caps"
    ),
    pytest.param(
        safe(volumes=[{"name": "a", "nfs": {"server": "b", "path": "/"}}]),
        f"{SPEC}.volumes[a] is of a kind that restricted does not allow",
        id="volume",
    ),
    pytest.param(
        safe(security={"procMount": "Unmasked"}, hostUsers=False),
        f"{CONTEXT}.procMount is Unmasked: remove it",
        id="procMount, even with users of its own",
    ),
]
"""What the restricted standard forbids and the baseline does not."""

FIT_FOR_BASELINE = [
    pytest.param(template(), id="nothing said"),
    pytest.param(context(capabilities={"add": ["CHOWN"]}), id="a capability"),
    pytest.param(
        template({"livenessProbe": {"httpGet": {"port": 80}}}), id="a probe of the pod itself"
    ),
    pytest.param(
        template({"livenessProbe": {"httpGet": {"port": 80, "host": ""}}}), id="an empty host"
    ),
    pytest.param(
        template({"securityContext": {"procMount": "Unmasked"}}, hostUsers=False),
        id="procMount, with users of its own",
    ),
]
"""What the baseline allows and the restricted standard does not."""

FIT_FOR_RESTRICTED = [
    pytest.param(safe(), id="all that is asked"),
    pytest.param(
        safe(
            volumes=[
                {"name": "a", "emptyDir": {}},
                {"name": "b", "secret": {"secretName": "board"}},
                {"name": "c", "image": {"reference": IMAGE}},
            ]
        ),
        id="volumes",
    ),
    pytest.param(annotated(safe(), APPARMOR, "localhost/own"), id="AppArmor of its own"),
    pytest.param(annotated(safe(), APPARMOR, "runtime/default"), id="AppArmor"),
    pytest.param(safe(security={"runAsNonRoot": None}, **ROOT), id="root, with users of its own"),
    pytest.param(
        safe(security={"runAsUser": 0, "runAsNonRoot": False}, hostUsers=False),
        id="root of the container, with users of its own",
    ),
    pytest.param(
        template(os={"name": "windows"}, securityContext={"runAsNonRoot": True}), id="Windows"
    ),
]
"""What both standards allow."""
