#!/usr/bin/env bash
# Fuzzes the readers of files that others wrote (crates/untrusted), guided by coverage:
#
#   scripts/fuzz.sh SECONDS [READER...]   so many seconds of computing for each reader, or for each of those named, in slices
#                                         of two minutes; an hour for all 36 takes a day and a half on one core
#   scripts/fuzz.sh --pack [READER...]    keeps some of what was grown and covers something, short and long, in fuzz/corpus
#   scripts/fuzz.sh --table               the computing so far, as docs/fuzzing.md has them
#   scripts/fuzz.sh --no-build ...        any of these with the program as it was built last
#
# What grows lies in fuzz/work, what breaks a reader in fuzz/findings, the hours are counted in fuzz/ledger.tsv. It may be
# stopped at any time. It runs beside other work: one process, of the lowest priority, and computing is counted, not time.
set -euo pipefail
cd "$(dirname "$0")/.."

slice=120
most_bytes=49152 most_inputs=250 # of a packed corpus
longest=16384                    # longer inputs cost more than they find
ledger=fuzz/ledger.tsv
host=$(rustc -vV | sed -n 's/^host: //p')
target=${CARGO_TARGET_DIR:-fuzz/target}
program=$target/$host/release/fuzz

# Only what runs on the host is counted, not what builds it: hence --target.
build() {
    local counters="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
    counters+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
    counters+=" -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=4"
    RUSTFLAGS=$counters CARGO_TARGET_DIR=$target cargo build --release --manifest-path fuzz/Cargo.toml --target "$host"
    local commit
    commit=$(git rev-parse --short=9 HEAD)
    git diff --quiet HEAD -- crates fuzz || commit+=+
    echo "$commit" > "$program.commit"
}

# What the reader begins with: what was committed, and the seeds.
fill() {
    mkdir -p "fuzz/work/$1" fuzz/findings
    [[ ! -e fuzz/work/$1/.filled ]] || return 0
    READER=$1 SEEDS=fuzz/work/$1 "$program" 2> /dev/null
    local nth=0 line
    if [[ -e fuzz/corpus/$1.txt ]]; then
        while read -r line; do
            nth=$((nth + 1))
            base64 -d <<< "$line" > "fuzz/work/$1/kept-$nth"
        done < "fuzz/corpus/$1.txt"
    fi
    touch "fuzz/work/$1/.filled"
}

# What a process has computed, in seconds.
computed_by() {
    awk -v ticks="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); printf "%d\n", ($12 + $13) / ticks }' "/proc/$1/stat" 2> /dev/null || true
}

# One slice of one reader, until it has computed so many seconds; they are added to the ledger.
run_slice() {
    local reader=$1 seconds=$2 log=fuzz/work/$1.log dictionary=() code=0 took=0 now process executed inputs
    [[ ! -e fuzz/dictionaries/$reader.dict ]] || dictionary=("-dict=fuzz/dictionaries/$reader.dict")
    READER=$reader nice -n 19 "$program" "fuzz/work/$reader" "${dictionary[@]}" -max_len=$longest -timeout=300 \
        -rss_limit_mb=4096 -print_final_stats=1 -reload=0 -artifact_prefix="fuzz/findings/$reader-" > "$log" 2>&1 &
    process=$!
    while now=$(computed_by $process) && [[ -n $now ]] && kill -0 $process 2> /dev/null; do
        took=$now
        ((took < seconds)) || kill -USR1 $process 2> /dev/null || true # it ends where it is, and says what it did
        sleep 1
    done
    wait $process || code=$?
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    inputs=$(find "fuzz/work/$reader" -type f ! -name '.*' | wc -l)
    count "$reader" "$(cat "$program.commit")" "$took" "${executed:-0}" "$inputs" $((code != 0))
    printf '%s: %s s computed, %s inputs read, %s kept\n' "$reader" "$took" "${executed:-0}" "$inputs"
    ((code == 0)) || { grep -aE "ERROR|Test unit written|^$reader: " "$log" | head -5 >&2; }
    return $code
}

# Adds to the ledger's line of this reader and commit.
count() {
    [[ -e $ledger ]] || printf 'reader\tcommit\tseconds\texecutions\tinputs\tfindings\n' > $ledger
    awk -F'\t' -v OFS='\t' -v r="$1" -v c="$2" -v s="$3" -v e="$4" -v i="$5" -v f="$6" '
        $1 == r && $2 == c { $3 += s; $4 += e; $5 = i; $6 += f; found = 1 }
        { print }
        END { if (!found) print r, c, s, e, i, f }' $ledger > $ledger.new
    mv $ledger.new $ledger
}

pack() {
    local reader=$1 kept=fuzz/work/.kept list=fuzz/work/.list size path
    rm -rf $kept && mkdir -p $kept fuzz/corpus
    READER=$reader nice -n 19 "$program" -merge=1 -max_len=$longest -timeout=300 -rss_limit_mb=4096 $kept "fuzz/work/$reader" \
        > "fuzz/work/$reader.merge.log" 2>&1
    find $kept -type f -size +0 -printf '%s %p\n' | sort -n -k1,1 -k2,2 > $list
    # Every so manieth, from the smallest to the largest, that few enough remain.
    awk -v bytes=$most_bytes -v inputs=$most_inputs '{ sum += $1; line[NR] = $0 }
        END { step = 1; while (NR > inputs * step || sum > bytes * step) step++
              for (nth = 1; nth <= NR; nth += step) print line[nth] }' $list > $list.chosen
    while read -r size path; do
        base64 -w 0 "$path"
        echo
    done < $list.chosen > "fuzz/corpus/$reader.txt"
    printf '%s: %s inputs of %s\n' "$reader" "$(wc -l < $list.chosen)" "$(wc -l < $list)"
    rm -rf $kept $list $list.chosen
}

table() {
    echo '| reader | computed, s | inputs read | kept | findings | commits |'
    echo '|---|---:|---:|---:|---:|---|'
    awk -F'\t' 'NR > 1 { s[$1] += $3; e[$1] += $4; i[$1] = $5; f[$1] += $6; c[$1] = c[$1] " " $2 }
        END { for (r in s) printf "| %s | %d | %d | %d | %d |%s |\n", r, s[r], e[r], i[r], f[r], c[r] }' $ledger | sort
}

builds=1
[[ ${1:-} != --no-build ]] || { builds= && shift; }
what=${1:-}
shift || true
case $what in
    --table) table ;;
    --pack | [1-9]*)
        [[ -z $builds ]] || build
        mapfile -t readers < <("$program" 2> /dev/null)
        (($# == 0)) || readers=("$@")
        findings=0
        if [[ $what == --pack ]]; then
            for reader in "${readers[@]}"; do pack "$reader"; done
        else
            for ((done = 0; done < what; done += slice)); do
                for reader in "${readers[@]}"; do
                    fill "$reader"
                    run_slice "$reader" $((what - done < slice ? what - done : slice)) || findings=1
                done
            done
        fi
        exit $findings
        ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
