#!/usr/bin/env bash
# In full what the tests do in small: `scripts/prove.sh [PART...]`, all parts where none is named; each says how long it took.
#
#   power    kills, power cuts and failing disks at every file operation of a run
#   flips    a million flipped bits, and cuts, in checkpoints, prepared text, journals and manifests
#   owners   32 askers at once on one run, a thousand times; 32 processes, a hundred times
#   nans     a thousand numbers that are none in each of weights, gradients and vectors of words
#   kills    the program itself killed at 2,000 random instants, in chains of up to ten
#   fuzz     each reader fuzzed for an hour of computing
set -euo pipefail
cd "$(dirname "$0")/.."

tests() { cargo test --release --workspace "$@"; }
power() { CASEBOOK_EVERY=1 tests --test power_cut; }
flips() { CASEBOOK_FLIPS=1000000 tests --test damage; }
owners() {
    CASEBOOK_ROUNDS=1000 tests --test owner
    python3 scripts/kill.py --kills 0 --crowds 100
}
nans() { CASEBOOK_NANS=1000 tests --lib update; }
kills() { python3 scripts/kill.py --kills 2000; }
fuzz() { scripts/fuzz.sh 3600; }

[[ $# -gt 0 ]] || set -- power flips owners nans kills fuzz
cargo build --release --workspace
for part in "$@"; do
    [[ $part =~ ^(power|flips|owners|nans|kills|fuzz)$ ]] || { echo "no part \`$part\`; see the head of this file" >&2; exit 64; }
    began=$SECONDS
    "$part"
    printf '== %s: held, in %d min %02d s\n' "$part" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60))
done
