"""What holds once nothing more happens by itself, read from the server and the target."""

from collections import Counter

from amends.core.key import Key
from amends.core.machines import PHASE_MACHINES
from amends.kube.cache import key_of
from amends.ports import Raw
from chaos.invariants import Check, condition, entry_of
from chaos.small_server import NAMESPACE, SmallServer, SmallTarget


def every_effect_is_proved_once(server: SmallServer, target: SmallTarget) -> None:
    """I3: what the target did has one Receipt, or a doubt that stands where people look."""
    proofs = Counter(
        raw["spec"]["idempotencyKey"]
        for raw in server.of("Receipt")
        if raw["spec"]["subject"]["kind"] != "Action" and raw["spec"]["outcome"] == "Succeeded"
    )
    everything = [*server.objects.values(), *(raw for _, raw in server.removed)]
    entries = [entry_of(raw.get("status", {})) for raw in everything]
    doubts = {
        entry["idempotencyKey"]
        for entry in entries
        if entry.get("outcome") == "Unknown" or "doubt" in entry
    }
    for key in {*proofs, *(key for key, times in target.effects.items() if times)}:
        assert proofs[key] == 1 or (proofs[key] == 0 and key in doubts), key


def every_status_has_its_receipt(server: SmallServer, target: SmallTarget) -> None:
    """I3: who says that it has happened points to the proof."""
    for raw in (*server.of("Compensation"), *server.of("DeadLetter")):
        entry = entry_of(raw["status"])
        if entry.get("phase") == "Sent":
            receipt = server.objects[Key("Receipt", NAMESPACE, entry["receiptRef"]["name"])]
            assert receipt["spec"]["subject"]["uid"] == raw["metadata"]["uid"]
            assert receipt["spec"]["outcome"] == "Succeeded"


def nobody_waits_for_nobody(server: SmallServer, target: SmallTarget) -> None:
    """I11, I12: what is not over says who has to act, and it is a person."""
    for raw in server.objects.values():
        if raw["kind"] == "Receipt" or _is_over(raw):
            continue
        ready = condition(raw, "Ready")
        people = ready.get("reason") in WAITS_FOR_PEOPLE or condition(raw, "Stalled")
        assert people or _waits_for_another(server, raw), f"{key_of(raw)}: {ready}"


WAITS_FOR_PEOPLE = (
    *("AwaitingApproval", "AwaitingDecision", "Suspended", "Superseded", "NotExecutable"),
    *("Pending", "Unknown", "DigestMismatch"),
)


def _waits_for_another(server: SmallServer, raw: Raw) -> bool:
    """For an object that itself waits for people, or that nobody has created (again)."""
    match raw["kind"]:
        case "DeadLetter":
            name = raw["status"].get("compensationRef", {}).get("name", "")
            undo = server.objects.get(Key("Compensation", NAMESPACE, name))
            return undo is not None and (
                not _is_over(undo) or undo["status"]["phase"] == "Completed"
            )
        case "Compensation":
            letters = (
                one
                for one in server.of("DeadLetter")
                if one["spec"]["effectId"] == raw["spec"]["targetEffect"]
            )
            return any(condition(one, "Stalled") for one in letters)
        case "Disposition":
            letter = Key("DeadLetter", NAMESPACE, raw["spec"]["deadLetterRef"]["name"])
            return letter not in server.objects
        case "Approval":
            undo = server.objects.get(
                Key("Compensation", NAMESPACE, raw["spec"]["subjectRef"]["name"])
            )
            return undo is None or not _is_over(undo)
        case _:
            return False


AT_THE_END: tuple[Check, ...] = (
    every_effect_is_proved_once,
    every_status_has_its_receipt,
    nobody_waits_for_nobody,
)


def _is_over(raw: Raw) -> bool:
    status = raw["status"]
    machine = PHASE_MACHINES.get(raw["kind"])
    return bool(status.get("settled")) or (
        machine is not None and status["phase"] in machine.terminal
    )
