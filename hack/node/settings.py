"""What each component of a node is told: on its command line, and in the file it reads.

Everything of a node lies in its folder, or in the /run that only its own processes see.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from identities import SCHEDULER, Keys, User

NAME = "node"
ADDRESS = "10.95.0.1"
"""Where pods meet the API server and the kubelet. It exists inside the node only."""

SANDBOX_IMAGE = "localhost/sandbox:1"
"""What holds a pod's namespaces: it sleeps."""

KUBELET = User(f"system:node:{NAME}", ("system:nodes",))
PROXY = User("system:kube-proxy")
COMPONENTS = (KUBELET, SCHEDULER, PROXY)

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
_PODS = "10.244.0.0/24"


def group_of(directory: Path) -> str:
    """The name of the control groups of the node that has this directory, and of no other."""
    return f"amends-node-{hashlib.sha256(bytes(directory)).hexdigest()[:12]}"


def for_apiserver(keys: Keys) -> list[str]:
    """What differs from a control plane without a node; of two flags, the later one counts."""
    return [
        "--bind-address=0.0.0.0",
        # The endpoint of the Service `kubernetes`: pods reach it, and it may not be a loopback one.
        f"--advertise-address={ADDRESS}",
        "--endpoint-reconciler-type=lease",
        "--authorization-mode=Node",  # besides RBAC: this one adds up
        "--enable-admission-plugins=NodeRestriction",
        # For logs and exec. The serving certificate proves who calls, too.
        f"--kubelet-client-certificate={keys.serving_certificate}",
        f"--kubelet-client-key={keys.serving_key}",
        f"--kubelet-certificate-authority={keys.authority}",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def for_kubelet(home: Path, *, kubeconfig: Path, keys: Keys, group: str) -> list[str]:
    """A kubelet that evicts only what takes more disk than its own limit; any control groups do."""
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "readOnlyPort": 0,
        "tlsCertFile": str(keys.serving_certificate),
        "tlsPrivateKeyFile": str(keys.serving_key),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(keys.authority)},
        },
        # Whoever holds a certificate of the authority, which is the API server alone.
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "podLogsDir": str(home / "pods"),
        "volumePluginDir": str(home / "volume-plugins"),
        "resolvConf": "",  # no name server can be reached from here, so pods shall know none
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{group}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,  # a lower one is not ours to take on every machine
        "maxOpenFiles": 20000,
        "makeIPTablesUtilChains": False,
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "0%",
            "nodefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.available": "0%",
            "imagefs.inodesFree": "0%",
        },
        "nodeStatusUpdateFrequency": "5s",
    }
    return [
        f"--config={_written(home / 'kubelet.json', config)}",
        f"--kubeconfig={kubeconfig}",
        f"--root-dir={home / 'kubelet'}",
        f"--cert-dir={home / 'kubelet-keys'}",
        f"--hostname-override={NAME}",
        f"--node-ip={ADDRESS}",
    ]


def for_proxy(home: Path, *, kubeconfig: Path) -> list[str]:
    """Services by nftables, and no kernel setting of the whole machine."""
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": _PODS,
        "hostnameOverride": NAME,
        "bindAddress": ADDRESS,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return [f"--config={_written(home / 'kube-proxy.json', config)}"]


def for_containerd(home: Path, *, runc: Path, plugins: Path) -> list[str]:
    """containerd with runc, our sandbox image, and pods on a bridge."""
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,  # a pod may reach itself by its Service
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": _PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    (home / "cni").mkdir(exist_ok=True)
    _written(home / "cni" / "pods.conflist", network)
    runtime = {
        # Neither can be had on every machine, and no test needs them.
        "restrict_oom_score_adj": True,
        "disable_apparmor": True,
        "containerd": {
            "default_runtime_name": "runc",
            "runtimes": {
                "runc": {
                    "runtime_type": "io.containerd.runc.v2",
                    "options": {"BinaryName": str(runc), "SystemdCgroup": False},
                }
            },
        },
        "cni": {"bin_dirs": [str(plugins)], "conf_dir": str(home / "cni")},
    }
    config = {
        "version": 3,
        "root": str(home / "containerd"),
        "state": "/run/containerd",
        "oom_score": 0,
        "disabled_plugins": ["io.containerd.nri.v1.nri"],
        "grpc": {"address": CONTAINERD_SOCKET},
        "ttrpc": {"address": f"{CONTAINERD_SOCKET}.ttrpc"},
        "plugins": {
            "io.containerd.internal.v1.opt": {"path": str(home / "opt")},
            "io.containerd.cri.v1.images": {"pinned_images": {"sandbox": SANDBOX_IMAGE}},
            "io.containerd.cri.v1.runtime": runtime,
        },
    }
    file = home / "containerd.toml"
    file.write_text("\n".join(_toml(config)))
    return [f"--config={file}"]


def _written(file: Path, config: Mapping[str, Any]) -> Path:
    """Writes a configuration; JSON is YAML, too."""
    file.write_text(json.dumps(config, indent=2))
    return file


def _toml(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """A table as TOML, which writes strings, numbers, booleans and lists of them as JSON does."""
    if path:
        yield f"[{'.'.join(json.dumps(part) for part in path)}]"
    inner = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name in table.keys() - inner.keys():
        yield f"{name} = {json.dumps(table[name])}"
    for name, value in inner.items():
        yield from _toml(value, (*path, name))
