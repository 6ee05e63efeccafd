"""Values as platform teams choose them; each set has to render, and the API server to take it."""

from typing import Any

Values = dict[str, Any]

FLUX = "system:serviceaccount:flux-system:kustomize-controller"
ARGO = "system:serviceaccount:argocd:argocd-application-controller"

TENANT: Values = {
    "createNamespace": True,
    "org": "acme",
    "workspace": "shop",
    "labels": {"team": "checkout"},
    "annotations": {"example.com/owner": "checkout"},
    "retention": "90d",
    "duplicateWindow": "10m",
    "approval": {
        "approvers": 2,
        "groups": ["sre", "security"],
        "validity": "24h",
        "unapproved": True,
    },
    "runner": {"annotations": {"example.com/role": "undo"}, "jobs": True, "constrained": True},
    "viewers": {"groups": ["everyone"]},
    "responders": {"groups": ["tenant-a"], "users": ["erin@example.com"]},
    "approvers": {"users": ["alice"], "groups": ["sre"]},
    "automations": {"serviceAccounts": [{"name": "ci"}, {"name": "bot", "namespace": "pipelines"}]},
    "quota": {"actions": 5000, "compensations": 500, "approvals": 1000, "dispositions": 1000},
}

EVERY_OPTION: Values = {
    "operator": {
        "allowTargets": ["https://*.example.com", "https://api.example.org:8443"],
        "retention": "90d",
        "exportTo": "/var/lib/amends/records.jsonl",
        "exportVolume": {"persistentVolumeClaim": {"claimName": "amends-records"}},
        "sweepSeconds": 600,
        "sweepRate": 0.5,
        "leaseSeconds": 30,
        "claimSeconds": 120,
        "breakerSeconds": 60,
        "resyncSeconds": 300,
        "drainSeconds": 45.5,
        "logLevel": "DEBUG",
        "listenAddress": "[::]",
        "healthPort": 18080,
        "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/etc/authorities/ca.pem"}],
    },
    "admission": {"gitopsAgents": [FLUX, ARGO]},
    "extraVolumes": [{"name": "authorities", "configMap": {"name": "authorities"}}],
    "extraVolumeMounts": [{"name": "authorities", "mountPath": "/etc/authorities"}],
}

SCHEDULED: Values = {
    "replicaCount": 3,
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "platform", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": {"app.kubernetes.io/name": "amends"}},
                }
            ]
        }
    },
    "topologySpreadConstraints": [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"example.com/tier": "platform"}},
        }
    ],
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "podAnnotations": {"example.com/note": "kept"},
    "podLabels": {"example.com/tier": "platform"},
    "commonLabels": {"example.com/cost": "platform"},
}

MONITORED: Values = {
    "metrics": {
        "port": 9443,
        "service": {"annotations": {"example.com/scrape": "true"}},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {
            "enabled": True,
            "labels": {"release": "prometheus"},
            "alertLabels": {"team": "platform"},
        },
        "dashboard": {"enabled": True, "annotations": {"example.com/folder": "Platform"}},
    }
}

FENCED: Values = {
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
        ],
        "apiServer": {"cidrs": ["192.0.2.10/32", "2001:db8::10/128"], "ports": [6443]},
        "targets": [
            {"cidr": "198.51.100.0/24", "except": ["198.51.100.7/32"], "ports": [443, 8443]},
            {"cidr": "203.0.113.0/24"},
        ],
        "extraEgress": [{"to": [{"podSelector": {"matchLabels": {"app": "proxy"}}}]}],
    }
}

SETS: dict[str, Values] = {
    "as it comes": {},
    "every option of the operator": EVERY_OPTION,
    "scheduled with care": SCHEDULED,
    "monitored": MONITORED,
    "fenced in": FENCED,
    "tenants, in full, bare and not made here": {
        "tenants": {"checkout": TENANT, "billing": {"createNamespace": True}, "default": {}}
    },
    "pulled by digest with secrets": {
        "image": {
            "repository": "registry.example.com/platform/amends",
            "digest": f"sha256:{'0' * 64}",
            "pullPolicy": "Always",
        },
        "imagePullSecrets": [{"name": "registry"}],
    },
    "roles and account made elsewhere": {
        "rbac": {"create": False},
        "serviceAccount": {"create": False, "name": "undo-robot"},
    },
    "the operator alone": {
        "crds": {"enabled": False},
        "admission": {"enabled": False},
        "metrics": {"enabled": False},
        "podDisruptionBudget": {"enabled": False},
        "topologySpreadConstraints": [],
        "tests": {"enabled": False},
        "replicaCount": 1,
    },
    "admins approve, nobody else gets anything": {
        "rbac": {
            "aggregate": {
                "viewerToView": False,
                "responderToEdit": False,
                "delegatorToAdmin": False,
                "approverToAdmin": True,
            }
        },
        "serviceAccount": {"annotations": {"example.com/role": "amends"}},
        "crds": {"keep": False, "annotations": {"example.com/owner": "platform"}},
        "fullnameOverride": "undo",
        "nameOverride": "amends-undo",
    },
}
