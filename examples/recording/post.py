"""A job that posts a message and is on record before it does. README.md shows it in use."""

import argparse
import json
import urllib.request

from amends.client import RunningAction, recording


def post(board: str, text: str, run: str) -> RunningAction:
    """Put up a message, once per run however often it is called."""
    url = f"{board}/messages"
    with recording(
        "board.post",
        idempotency_key=f"{run}/post",
        target=url,
        run_id=run,
        source={"kind": "ci-job", "id": "post.py"},
        input={"text": text},
        retry={
            "http": {
                "method": "POST",
                "url": url,
                "body": {"text": text},
                "retry_safety": "ProviderKey",
            }
        },
    ) as action:
        request = urllib.request.Request(
            url,
            data=json.dumps({"text": text}).encode(),
            headers={
                "Content-Type": "application/json",
                "Idempotency-Key": action.idempotency_key,
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            action.receipt = json.load(answer)
        # Only the answer says what is to be removed, should it turn out wrong.
        action.compensation = {
            "type": "message.remove",
            "rollback_instruction": "remove the message from the board",
            "execution": {
                "http": {
                    "method": "DELETE",
                    "url": f"{url}/{action.receipt['id']}",
                    "retry_safety": "ProviderKey",
                }
            },
        }
    return action


def main() -> None:
    """Post what the command line says, and say where it is on record."""
    parser = argparse.ArgumentParser(description="Post a message, on record.")
    parser.add_argument("text")
    parser.add_argument("--board", default="http://127.0.0.1:8081", help="where the board is")
    parser.add_argument("--run", required=True, help="the run: the same text again posts nothing")
    given = parser.parse_args()
    action = post(given.board, given.text, given.run)
    print(f"posted {action.receipt['id']}, on record as action {action.name}, ", end="")
    print(f"attempt {action.attempt} in namespace {action.namespace}")


if __name__ == "__main__":
    main()
