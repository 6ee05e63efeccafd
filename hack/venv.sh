#!/bin/sh
# Makes the environment that every make target runs in, and prints its path.
#
#   sh hack/venv.sh          make it if it is missing, then print its path
#   sh hack/venv.sh --path   print the path only
#
# It lives outside the work tree, named by everything it depends on: the lock, pyproject.toml, this
# checkout (the project is installed editable) and the Python. So a change of any of these makes a
# new one and a ready one never changes. Needs python3 >= 3.11 with venv and pip; every file that
# is installed is checked against a hash in requirements-dev.lock, uv first of all.
#
# Environment: PYTHON (default python3), AMENDS_CACHE (default ~/.cache/amends).
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
python=${PYTHON:-python3}
cache=${AMENDS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/amends}
lock=requirements-dev.lock

die() {
    echo "hack/venv.sh: $*" >&2
    exit 1
}

command -v "$python" >/dev/null || die "no $python here: install Python 3.11 or newer, or set PYTHON"

# -I: neither the caller's PYTHONPATH nor this folder can put a module in the way.
venv=$("$python" -I - "$cache" "$root" "$lock" pyproject.toml <<'PY'
import hashlib, os, sys
if sys.version_info < (3, 11):
    sys.exit(f"Python {sys.version.split()[0]} is too old: 3.11 or newer is needed, set PYTHON")
cache, root, *files = sys.argv[1:]
key = hashlib.sha256("\0".join((root, sys.version, sys.base_prefix)).encode())
for file in files:
    with open(file, "rb") as stream:
        key.update(hashlib.sha256(stream.read()).digest())
print(os.path.join(os.path.abspath(cache), "venv-" + key.hexdigest()[:16]))
PY
) || die "cannot name the environment"

if [ "${1:-}" = --path ] || [ -e "$venv/.ready" ]; then
    echo "$venv"
    exit 0
fi

# One builder at a time. The lock belongs to file descriptor 9, so the kernel lets go of it however
# this shell ends; flock(1) is not on every machine, fcntl is wherever Python is.
mkdir -p "$(dirname -- "$venv")"
exec 9>"$venv.lock"
"$python" -I -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'

if [ ! -e "$venv/.ready" ]; then
    echo "making $venv" >&2
    rm -rf -- "$venv" # what a killed builder left: a virtual environment cannot be moved into place
    "$python" -I -m venv "$venv" >&2 || die "$python has no working venv (Debian: apt-get install python3-venv)"

    # uv's own stanza of the lock: its version, then a hash for each platform.
    awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' "$lock" >"$venv/uv.lock"
    [ -s "$venv/uv.lock" ] || die "$lock does not name uv"
    "$venv/bin/python" -m pip --disable-pip-version-check install --quiet \
        --no-deps --require-hashes -r "$venv/uv.lock" >&2

    # uv does not read pip's settings: an index or a certificate that was set for pip is meant for both.
    if [ -n "${PIP_INDEX_URL:-}" ]; then
        UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}
        export UV_DEFAULT_INDEX
    fi
    if [ -n "${PIP_CERT:-}" ]; then
        SSL_CERT_FILE=${SSL_CERT_FILE:-$PIP_CERT}
        export SSL_CERT_FILE
    fi
    pip_install() {
        "$venv/bin/uv" pip install --quiet --no-config --python "$venv/bin/python" "$@" >&2
    }
    pip_install --require-hashes -r "$lock"
    # The build backend comes from the lock too, so nothing is fetched here.
    PATH="$venv/bin:$PATH" pip_install --no-deps --no-build-isolation --offline --editable .
    : >"$venv/.ready"
fi
echo "$venv"
