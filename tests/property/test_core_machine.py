"""Any schedule of people, holders, faults and time: what must always hold, and how it ends.

Up to two holders work at the same time, each with its own idea of the world: what the watch tells
comes late or never, answers get lost, processes die, requests arrive after they were given up. The
invariants stand in `chaos.invariants`; `make search` looks for longer.
"""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from chaos.schedule import KEY, Schedule, one_of
from chaos.small_world import Trouble, at_once
from support.search import SETTINGS

holders = st.sampled_from(["one", "two"])
picks = st.integers(0, 7)
troubles = st.tuples(
    st.integers(0, 6),
    st.sampled_from(["power-before", "power-after", "lost-before", "lost-after"]),
)
answers = st.sampled_from(["applied", "lost-after", "lost-before", "busy", "refused"])
demands = st.fixed_dictionaries(
    {},
    optional={
        "amends.dev/unapproved": st.just("allow"),
        "amends.dev/approvers": st.sampled_from(["1", "2"]),
        "amends.dev/approver-groups": st.sampled_from(["sre", "sre,security"]),
        "amends.dev/approval-validity": st.sampled_from(["2s", "300s"]),
    },
)
GROUPS = {"alice": ["security"], "dora": ["sre"], "erin": [], "bob": ["security"]}
choices = st.sampled_from(["Retry"] * 4 + ["Compensate"] * 2 + ["Ignore", "Reopen", "Resolve"])


class AnySchedule(Schedule):
    """People and faults in any order."""

    @initialize(
        honours_keys=st.booleans(),
        undo=st.booleans(),
        approvers=st.integers(0, 2),
        passes=st.sampled_from([0, 12]),
        demanded=st.just({"amends.dev/unapproved": "allow"}) | demands,
    )
    def begin(
        self,
        honours_keys: bool,
        undo: bool,
        approvers: int,
        passes: int,
        demanded: dict[str, str],
    ) -> None:
        self.set_up(honours_keys=honours_keys)
        self.server.annotations = demanded
        self.plan = {
            "execution": {"http": self.http},
            "approval": {"required": approvers > 0, "approvers": max(approvers, 1)},
            "retry": {"maxAttempts": 2},
        }
        self.undo = undo
        self.reports("failed")
        self.works("one", passes)

    # ------------------------------------------------------------------------------ the operator

    @rule(name=holders, pick=picks, times=st.integers(1, 3))
    def looks(self, name: str, pick: int, times: int) -> None:
        key = one_of(self.keys(), pick)
        for _ in range(times):
            self.look(name, key)

    @rule(name=holders, pick=picks, times=st.integers(1, 3))
    def looks_at_recovery(self, name: str, pick: int, times: int) -> None:
        if keys := self.keys("DeadLetter", "Compensation"):
            key = one_of(keys, pick)
            for _ in range(times):
                self.look(name, key)

    @rule(name=holders, passes=st.integers(1, 12))
    def works(self, name: str, passes: int) -> None:
        self.holder(name).hears()
        for _ in range(passes):
            self.alive(name, lambda holder: holder.work())

    @rule(name=holders, pick=picks, trouble=troubles)
    def looks_in_trouble(self, name: str, pick: int, trouble: tuple[int, str]) -> None:
        self.look(name, one_of(self.keys(), pick), Trouble(*trouble))

    @rule(name=holders, trouble=troubles)
    def works_in_trouble(self, name: str, trouble: tuple[int, str]) -> None:
        self.holder(name).cluster.trouble = Trouble(*trouble)
        self.works(name, 6)

    @rule(name=holders, pick=picks, passes=st.integers(4, 12), answer=st.none() | answers)
    def is_asked_to_send_it_again(
        self, name: str, pick: int, passes: int, answer: str | None
    ) -> None:
        self.disposes(pick, "Retry", False)
        self.works(name, passes)
        if answer is not None:
            self.target_acts(answer)
            self.works(name, passes)

    @rule(name=holders, pick=picks, passes=st.integers(4, 12), answer=st.none() | answers)
    def is_asked_to_undo_it(self, name: str, pick: int, passes: int, answer: str | None) -> None:
        for who in ("dora", "erin"):
            self.decides(pick, who, "Approve", True)
        self.works(name, passes)
        if answer is not None:
            self.target_acts(answer)
            self.works(name, passes)

    @rule(name=holders, pick=picks, passes=st.integers(2, 12))
    def is_given_another_plan_meanwhile(self, name: str, pick: int, passes: int) -> None:
        self.decides(pick, "dora", "Approve", True)
        self.works(name, passes)
        self.steers(pick, "another plan")
        self.decides(pick, "erin", "Approve", True)
        self.works(name, 12)

    # -------------------------------------------------------------------------------- the target

    @precondition(lambda self: self.at_work())
    @rule(answer=answers)
    def target_acts(self, answer: str) -> None:
        for holder, key in self.at_work():
            self.answer(holder, key, answer)

    @precondition(lambda self: any(h.executions.sent for h in self.holders.values()))
    @rule()
    def stopped_requests_are_still_on_their_way(self) -> None:
        for holder in self.holders.values():
            self.in_flight += holder.executions.sent
            holder.executions.sent = []

    @precondition(lambda self: self.in_flight)
    @rule()
    def a_request_arrives_late(self) -> None:
        self.target.apply(self.in_flight.pop(0).idempotency_key)

    # ---------------------------------------------------------------------------- people and time

    @precondition(lambda self: len(self.server.of("Action")) < 4)
    @rule(outcome=st.sampled_from(["failed", "failed", "succeeded", "queued", "no idea"]))
    def reports(self, outcome: str) -> None:
        spec = {
            "operation": "board.post",
            "outcome": outcome,
            "idempotencyKey": KEY,
            "requester": {"username": "bob"},
            "retry": {"http": self.http},
        }
        self.make("Action", {**spec, "compensation": self.plan} if self.undo else spec)

    @rule(pick=picks, outcome=st.sampled_from(["failed", "succeeded", "queued"]))
    def says_otherwise(self, pick: int, outcome: str) -> None:
        if (key := self.picked(pick, "Action", "Recorded")) is not None:
            self.server.change(key, outcome=outcome)

    @precondition(lambda self: self.keys("DeadLetter") and len(self.keys("Disposition")) < 9)
    @rule(pick=picks, choice=choices, plan=st.booleans())
    def disposes(self, pick: int, choice: str, plan: bool) -> None:
        if (letter := self.picked(pick, "DeadLetter")) is None:
            return
        spec = {
            "deadLetterRef": {"name": letter.name},
            "choice": choice,
            "reason": "I looked at it",
            "actor": {"username": "alice"},
        }
        given = plan and choice == "Compensate"
        self.make("Disposition", {**spec, "compensation": self.plan} if given else spec)

    @precondition(lambda self: self.keys("Compensation") and len(self.keys("Approval")) < 9)
    @rule(
        pick=picks,
        who=st.sampled_from(["alice", "dora", "erin", "bob"]),
        decision=st.sampled_from(["Approve", "Approve", "Approve", "Reject"]),
        is_right=st.sampled_from([True, True, True, False]),
    )
    def decides(self, pick: int, who: str, decision: str, is_right: bool) -> None:
        if (undo := self.picked(pick, "Compensation")) is None:
            return
        digest = self.digest_of(undo) if is_right else f"sha256:{'0' * 64}"
        spec = {"subjectRef": {"name": undo.name}, "planDigest": digest, "decision": decision}
        self.make("Approval", {**spec, "actor": {"username": who, "groups": GROUPS[who]}})

    @precondition(lambda self: self.keys("Compensation"))
    @rule(pick=picks, change=st.sampled_from(["suspend", "go on", "cancel", "another plan"]))
    def steers(self, pick: int, change: str) -> None:
        if (undo := self.picked(pick, "Compensation", "Completed", "Cancelled")) is None:
            return
        is_open = self.server.objects[undo]["status"]["phase"] in ("Proposed", "AwaitingApproval")
        match change:
            case "cancel":
                self.server.change(undo, cancel=True)
            case "another plan":
                if is_open:  # otherwise it is frozen
                    self.server.change(undo, rollbackInstruction=f"remove it, {pick}")
            case _:
                self.server.change(undo, suspend=change == "suspend")

    @rule(demanded=demands)
    def the_namespace_demands(self, demanded: dict[str, str]) -> None:
        self.server.annotations = demanded

    @rule(name=holders)
    def asks_what_is_demanded(self, name: str) -> None:
        self.alive(name, lambda holder: at_once(holder.namespaces.ask()))

    @rule(seconds=st.sampled_from([1, 3, 200, 301, 601]))
    def time_passes(self, seconds: int) -> None:
        self.server.time.at += timedelta(seconds=seconds)


TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.settings = settings(SETTINGS, stateful_step_count=50)
