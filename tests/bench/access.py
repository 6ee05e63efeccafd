"""A plain aiohttp session as the user of a kubeconfig, for what must cost as little as possible."""

import base64
import json
import ssl
from pathlib import Path

import aiohttp


def session(kubeconfig: Path, connections: int) -> aiohttp.ClientSession:
    """Kept-alive connections to the server of a kubeconfig that the control plane wrote."""
    config = json.loads(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return aiohttp.ClientSession(
        cluster["server"],
        headers={
            "Authorization": f"Bearer {config['users'][0]['user']['token']}",
            "Accept": "application/json",
        },
        connector=aiohttp.TCPConnector(
            limit=connections, ssl=ssl.create_default_context(cadata=authority)
        ),
    )
