"""Jobs at work on a node of their own, all at once; only what became of them is kept."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from node import Node
from support.job_course import FULL, JOBS, STRICT, Course
from support.job_site import Object, prepare
from support.job_told import tell


@pytest.fixture(scope="session")
def ended(
    node_can_run: None, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Course, dict[str, Object]]:
    """All attempts, when each has ended, on a node that has carried nothing else before; and what
    an operator has told meanwhile of others."""
    folder = tmp_path_factory.mktemp("told")
    with Node.start() as node, ThreadPoolExecutor(max_workers=1) as aside:
        prepare(node, JOBS, STRICT, FULL)
        node.kubectl("label", "namespace", STRICT, "pod-security.kubernetes.io/enforce=restricted")
        node.kubectl("create", "quota", "none", "-n", FULL, "--hard=pods=0")
        course = Course(node)
        telling = aside.submit(tell, node, folder)
        asyncio.run(course.run(node))
        return course, telling.result()


@pytest.fixture(scope="session")
def course(ended: tuple[Course, dict[str, Object]]) -> Course:
    """The attempts."""
    return ended[0]


@pytest.fixture(scope="session")
def told(ended: tuple[Course, dict[str, Object]]) -> dict[str, Object]:
    """Compensations, by what has befallen their Jobs."""
    return ended[1]
