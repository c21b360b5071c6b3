#!/bin/sh
# Prints the path of the `tahoe` program of the original, Tahoe-LAFS 1.20.0, for the tests of this folder.
#
#   tests/interop/original.sh          where it is; fails with a line that says why when it is not there
#   tests/interop/original.sh -make    makes it first: a Python virtual environment in the user's cache directory
#
# TAHOE_ORIGINAL=PATH names one that is there already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
why() {
	printf '%s\n' "$1" >&2
	exit 1
}

if [ -n "${TAHOE_ORIGINAL:-}" ]; then
	[ -x "$TAHOE_ORIGINAL" ] || why "TAHOE_ORIGINAL names no program"
	printf '%s\n' "$TAHOE_ORIGINAL"
	exit 0
fi

# Another list of versions is another environment.
sum=$(cksum <"$here/requirements.txt" | cut -d' ' -f1)
env="${XDG_CACHE_HOME:-${HOME:?}/.cache}/tahoe-original/$sum"
if [ ! -f "$env/complete" ]; then
	[ "${1:-}" = -make ] || why "the original is not here: tests/interop/original.sh -make installs it, TAHOE_ORIGINAL names one"
	python=""
	for p in python3 python3.13 python3.12 python3.11; do
		if "$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
			python=$p
			break
		fi
	done
	[ -n "$python" ] || why "the original needs Python 3.11 or later with venv"
	rm -rf "$env" && mkdir -p "$env"
	# What an interrupted run left does not count as an environment: the mark comes last.
	{ "$python" -m venv "$env" && "$env/bin/pip" install --quiet --no-input --disable-pip-version-check -r "$here/requirements.txt"; } >"$env/log" 2>&1 ||
		why "the original could not be installed: $env/log says why"
	"$env/bin/tahoe" --version >"$env/complete" || why "the original was installed and does not run"
fi
printf '%s\n' "$env/bin/tahoe"
