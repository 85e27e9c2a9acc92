#!/usr/bin/env bash
# Trains the same encoder in PyTorch and here, from the same weights on the same masked batches without dropout, and
# compares the losses and gradient norms step by step. docs/replay.md says what it shows and what came out.
#
#   PEERS=DIR VENV=DIR scripts/replay.sh
#
# PEERS     folder with torch_mlm.py
# VENV      Python environment with torch, safetensors, tokenizers and numpy
# CASEBOOK  the binary (default target/release/casebook)
# OUT       where batches, weights and results are written (default target/replay)
# STEPS     updates (default 100)
# MIN_LEN   row lengths are drawn from MIN_LEN to 64 and padded with id 0 (default 40; 64: no padding)
# PEER_ONLY set to 1: only the PyTorch half
set -euo pipefail

: "${PEERS:?set PEERS to the folder with torch_mlm.py}" "${VENV:?set VENV to the Python environment}"
root=$(cd "$(dirname "$0")/.." && pwd)
casebook=${CASEBOOK:-$root/target/release/casebook}
out=${OUT:-$root/target/replay}
steps=${STEPS:-100}
python=$VENV/bin/python
mkdir -p "$out"

model=(--d-model 128 --heads 4 --ff 512 --layers 2 --vocab 2000 --eps 1e-12)
batch=(--seq 64 --batch 8 --min-len "${MIN_LEN:-40}")
# Clipping bites on some steps and not on others; the rate moves for twenty steps.
update=(--lr 1e-3 --lr-warmup 20 --weight-decay 0.01 --clip 2.3 --adam-eps 1e-8)

"$python" "$root/scripts/replay_tokens.py" --vocab 2000 --out "$out/tokens.bin" \
    "$root/data/sample/ko.txt.gz" "$root/data/sample/en.txt.gz"

status=0
for norm in post pre; do
    batches=$out/$norm-batches.safetensors init=$out/$norm-init.safetensors
    peer=(--norm "$norm" --dropout 0 "${model[@]}" "${batch[@]}" --steps "$steps" --warmup-steps 1 --threads 2)
    "$python" "$PEERS/torch_mlm.py" "${peer[@]}" --tokens "$out/tokens.bin" \
        --save-batches "$batches" --save-init "$init" > /dev/null
    "$python" "$PEERS/torch_mlm.py" "${peer[@]}" "${update[@]}" --masked-only-head \
        --init "$init" --batches "$batches" --out "$out/$norm-theirs.json" > /dev/null
    [[ ${PEER_ONLY:-} == 1 ]] && continue
    "$casebook" replay --norm "$norm" "${model[@]}" "${update[@]}" --steps "$steps" \
        --init "$init" --batches "$batches" --out "$out/$norm-ours.json" > /dev/null
    echo "$norm-norm:"
    "$python" "$root/scripts/replay_compare.py" "$out/$norm-theirs.json" "$out/$norm-ours.json" || status=1
done
exit $status
