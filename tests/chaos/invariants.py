"""What holds at every moment of every schedule, read from the server, the target and the record."""

from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from amends.api import Compensation
from amends.core.digest import plan_digest
from amends.core.key import Key
from amends.ports import Work
from chaos.small_world import NAMESPACE, Holder, SmallServer, SmallTarget

UNDO = Key("Compensation", NAMESPACE, "undo-post")
TERMINAL = ("Completed", "Cancelled")


class Invariants(RuleBasedStateMachine):
    """Checked after every step."""

    server: SmallServer
    target: SmallTarget
    holders: dict[str, Holder]
    seen: dict[Key, dict[str, Any]]

    def undo(self) -> Compensation | None:
        """The compensation that it is all about, once there is one."""
        raw = self.server.objects.get(UNDO)
        return Compensation.read(raw) if raw is not None else None

    @invariant()
    def everything_holds(self) -> None:
        self.one_effect_per_key()
        self.nothing_runs_unapproved()
        self.terminal_is_for_ever()
        self.only_the_claimant_writes_while_the_claim_lasts()
        self.receipts_are_evidence()

    def one_effect_per_key(self) -> None:
        assert all(times <= 1 for times in self.target.effects.values()), self.target.effects

    def nothing_runs_unapproved(self) -> None:
        for holder in self.holders.values():
            for key, work in holder.executions.works.items():
                self.is_allowed(key, work)

    def is_allowed(self, key: Key, work: Work) -> None:
        """I1: the claim was durable before, and people had agreed to exactly this."""
        claims = [
            status
            for at, _, status in self.server.log
            if at == key and (status.get("outbox") or {}).get("attemptKey") == work.attempt_key
        ]
        assert claims
        assert claims[0]["phase"] == "Running"
        undo = self.undo()
        assert undo is not None
        assert claims[0]["planDigest"] == plan_digest(NAMESPACE, key.name, undo.spec)
        if undo.spec.approval.required:
            agreed = {one["username"] for one in claims[0]["approvals"]}
            assert len(agreed) >= undo.spec.approval.approvers
            assert agreed <= {"alice", "dora"}

    def terminal_is_for_ever(self) -> None:
        for key, raw in self.server.objects.items():
            before = self.seen.get(key)
            if key == UNDO and before is not None and before["status"]["phase"] in TERMINAL:
                assert raw["status"] == before["status"]
            self.seen[key] = raw

    def only_the_claimant_writes_while_the_claim_lasts(self) -> None:
        """I5, read from the record: every outcome was written by who held the claim then."""
        last: dict[str, Any] = {}
        for key, by, status in self.server.log:
            if key != UNDO:
                continue
            outbox = status.get("outbox") or {}
            same = outbox.get("attemptKey") == last.get("attemptKey")
            if same and outbox.get("outcome") == "NotApplied":
                assert by == outbox["claimedBy"]
            last = outbox

    def receipts_are_evidence(self) -> None:
        about = [
            one for one in self.server.of("Receipt") if one["spec"]["source"] == "compensation"
        ]
        assert len(about) <= 1, [one["metadata"]["name"] for one in about]
        assert len(about) <= self.target.effects.total()
