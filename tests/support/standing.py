"""Our policies and bindings, as we write them and as a server holds them."""

import copy
from typing import Any

from amends.admission import policies
from amends.admission.standing import BINDING, POLICY

Object = dict[str, Any]

AGENT = "system:serviceaccount:flux-system:kustomize-controller"
OURS = [one for one in policies(gitops_agents=[AGENT]) if one["kind"] in (POLICY, BINDING)]


def stored(one: Object) -> Object:
    """A policy or binding as a server of 1.36 holds it, written down from one."""
    spec = copy.deepcopy(one["spec"])
    if one["kind"] == POLICY:
        rules = [{"scope": "*", **rule} for rule in spec["matchConstraints"]["resourceRules"]]
        spec["matchConstraints"] = {
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": rules,
        }
    meta = {
        "name": one["metadata"]["name"],
        "uid": "u-1",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-01-31T09:00:00Z",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    held: Object = {"kind": one["kind"], "metadata": meta, "spec": spec}
    return {**held, "status": {"observedGeneration": 1}} if one["kind"] == POLICY else held
