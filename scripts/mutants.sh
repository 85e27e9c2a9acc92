#!/usr/bin/env bash
# Mutation testing of what must not go wrong: writing, journal, order, masks, rows, shards (docs/mutants.md).
#
#     cargo install --locked cargo-mutants
#     scripts/mutants.sh journal        # or disk, order, rows, stores, checkpoint
#
# A mutant costs its build, so it is built with little optimization, and only the tests of its module are run.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=1
# Off as in the release profile: a mutant must fall to a test, not to a check that is not there in use.
export CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false CARGO_PROFILE_DEV_OVERFLOW_CHECKS=false

# run PACKAGE "FILES" "TESTS"
run() {
    local files=()
    for file in $2; do files+=(--file "$file"); done
    # shellcheck disable=SC2086
    cargo mutants -C=--lib -p "$1" "${files[@]}" --timeout 60 --output target/mutants -- -- $3
}

disk=crates/disk/src journal=crates/journal/src corpus=crates/corpus/src
case ${1:-} in
    disk) run casebook-disk "$disk/files.rs $disk/watch.rs $disk/seal.rs" "files:: watch:: seal::" ;;
    journal)
        run casebook-journal \
            "$journal/file.rs $journal/lines.rs $journal/supersede.rs $journal/write.rs $journal/lock.rs $journal/index.rs $journal/event.rs" \
            "file:: lines:: supersede:: write:: lock:: index:: event:: list:: notes::"
        ;;
    order) run casebook-corpus "$corpus/order.rs $corpus/masking.rs $corpus/random.rs" "order:: masking:: random::" ;;
    rows) run casebook-corpus "$corpus/rows.rs $corpus/rows/summary.rs $corpus/loader.rs" "rows:: loader:: batch::" ;;
    stores)
        run casebook-corpus "$corpus/shard.rs $corpus/prepare/manifest.rs $corpus/prepare/store.rs" \
            "shard:: manifest:: store::"
        ;;
    checkpoint)
        # With Burn a mutant costs a link of minutes: in place and in the one profile, so that Burn is not built again.
        cargo mutants --in-place --profile release --test-workspace true -p casebook-train \
            --file crates/train/src/checkpoint.rs -C=--test=damage -C=--test=power_cut -C=--test=resume \
            --timeout 900 --output target/mutants --shard "${2:-0/1}" --sharding round-robin
        ;;
    *)
        sed -n '2,7s/^# \{0,1\}//p' "$0"
        exit 1
        ;;
esac
