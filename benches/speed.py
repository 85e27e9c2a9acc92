#!/usr/bin/env python3
"""Training speed beside what one would use instead: Casebook, a hand-written PyTorch encoder, transformers' Trainer.

Runs each in turn on the same shapes on this machine, several rounds, and prints a Markdown table. It installs nothing.

    cargo build --release
    python3 benches/speed.py --peers DIR --python VENV/bin/python > docs/speed-table.md
    python3 benches/speed.py --growth                # ours alone: cost per token against rows, batch, words, layers

DIR holds torch_mlm.py and hf_mlm.py; VENV has torch, numpy, transformers and accelerate. `--binary` takes a binary built
elsewhere. `--device gpu` compares on a GPU (ours on wgpu, theirs on CUDA in bfloat16). Leave the machine alone meanwhile.
"""
import argparse
import json
import os
import platform
import subprocess
import sys

SHAPES = [
    ("case 1: D 512, 4 layers", dict(d_model=512, heads=8, ff=2048, layers=4)),
    ("D 768, 3 layers", dict(d_model=768, heads=12, ff=3072, layers=3)),
]


def flags(shape, **more):
    return [text for key, value in {**shape, **more}.items() for text in (f"--{key.replace('_', '-')}", str(value))]


def run(command):
    """The JSON that a command prints on its last line of standard output, or why there is none."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"error": (done.stderr.strip() or "it failed").splitlines()[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def trainers(a, shape):
    gpu = a.device != "cpu"
    common = dict(vocab=a.vocab, seq=a.seq, batch=a.batch, dropout=0.1, steps=a.steps, warmup_steps=a.warmup)
    ours = [a.binary, "throughput", "--device", a.device] + flags(shape, **common)
    theirs = flags(shape, device="cuda" if gpu else "cpu", dtype="bf16" if gpu else "fp32", **common)
    found = [("Casebook", ours)]
    if a.composed:
        found.append(("Casebook, composed", ours + ["--composed"]))
    if a.peers:
        torch = [a.python, os.path.join(a.peers, "torch_mlm.py"), "--masked-only-head"] + theirs
        found += [("PyTorch, eager", torch), ("PyTorch, compiled", torch + ["--compile"])]
        hf = [a.python, os.path.join(a.peers, "hf_mlm.py")] + theirs
        found.append(("transformers", hf))
    return found


def compare(a):
    for title, shape in SHAPES:
        found = trainers(a, shape)
        results = {name: [] for name, _ in found}
        ceiling = 0.0
        for _ in range(a.rounds):
            for name, command in found:
                result = run(command)
                results[name].append(result)
                ceiling = max(ceiling, result.get("product_flops_per_second") or 0.0)
        table(a, title, shape, results, ceiling)


def flops_per_token(shape, a, everywhere):
    """Matrix products of one update, forward times three; the vocabulary at 15 % of the positions, or at all of them."""
    d = shape["d_model"]
    body = shape["layers"] * (2 * (4 * d * d + 2 * d * shape["ff"]) + 4 * a.seq * d)
    share = 1.0 if everywhere else round(0.15 * a.seq) / a.seq
    return 3 * (body + share * 2 * d * a.vocab)


def table(a, title, shape, results, ceiling):
    def rate(name):
        """The best round's median: what the machine gave when nobody else had it."""
        rates = [r["tokens_per_second"] for r in results[name] if "error" not in r]
        return max(rates) if rates else None

    ours = rate("Casebook")
    print(f"\n### {title}, F {shape['ff']}, rows of {a.seq}, batch {a.batch}, V {a.vocab}, dropout 0.1, {a.device}\n")
    print("| trainer | tokens/s | of each round | step: median (min to max), s | share of the products' ceiling | "
          "peak memory, MB | Casebook is |")
    print("|---|---:|---|---|---:|---:|---:|")
    for name, runs in results.items():
        if rate(name) is None:
            print(f"| {name} | | {runs[0]['error']} | | | | |")
            continue
        best = max((r for r in runs if "error" not in r), key=lambda r: r["tokens_per_second"])
        s = best["step_seconds"]
        rounds = ", ".join(f"{r['tokens_per_second']:,.0f}" for r in runs if "error" not in r)
        share = rate(name) * flops_per_token(shape, a, name == "transformers") / ceiling if ceiling else float("nan")
        memory = max(r.get("peak_memory_bytes") or 0 for r in runs) / 2**20
        print(f"| {name} | {rate(name):,.0f} | {rounds} | {s['median']:.3f} ({s['min']:.3f} to {s['max']:.3f}) | "
              f"{share:.0%} | {memory:,.0f} | {ours / rate(name):.2f} × |")
    print(f"\nCeiling: {ceiling / 1e9:,.0f} GFLOP/s, the best of the machine's own matrix products in any round. "
          "The last column divides the best rounds.", flush=True)


GROWTH = [
    ("rows", "seq", [64, 128, 256, 512, 1024], lambda a, v: dict(batch=max(1, 2048 // v))),
    ("batch", "batch", [1, 8, 64, 512], lambda a, v: dict(seq=64)),
    ("words", "vocab", [5000, 30000, 100000], lambda a, v: {}),
    ("layers", "layers", [1, 2, 4, 8, 12], lambda a, v: {}),
]


def growth(a):
    shape = dict(d_model=256, heads=4, ff=1024, layers=4, vocab=30000, seq=128, batch=16)
    print("\n### Growth: D 256, 4 heads, F 1,024, 4 layers, V 30,000, 16 rows of 128, but for what the first column says\n")
    print("| | tokens an update | µs per token | arithmetic, MFLOP per token | GFLOP/s | peak memory, MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for title, key, values, also in GROWTH:
        for value in values:
            now = {**shape, key: value, **also(a, value)}
            steps = 4 if now["seq"] * now["batch"] > 8192 else 10
            result = run([a.binary, "throughput", "--device", a.device] + flags(now, steps=steps, warmup_steps=2))
            if "error" in result:
                print(f"| {title} {value} | {result['error']} | | | | |", flush=True)
                continue
            sizes = argparse.Namespace(seq=now["seq"], vocab=now["vocab"])
            work, rate = flops_per_token(now, sizes, False), result["tokens_per_second"]
            print(f"| {title} {value} | {now['seq'] * now['batch']:,} | {1e6 / rate:,.1f} | {work / 1e6:,.1f} | "
                  f"{rate * work / 1e9:,.0f} | {(result['peak_memory_bytes'] or 0) / 2**20:,.0f} |", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", default="target/release/casebook")
    p.add_argument("--peers", help="folder of torch_mlm.py and hf_mlm.py; ours alone when not given")
    p.add_argument("--python", default=sys.executable)
    p.add_argument("--device", default="cpu")
    p.add_argument("--composed", action="store_true", help="the framework's operations too")
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--seq", type=int, default=256)
    p.add_argument("--vocab", type=int, default=30000)
    p.add_argument("--steps", type=int, default=14)
    p.add_argument("--warmup", type=int, default=4)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--growth", action="store_true")
    a = p.parse_args()
    versions = subprocess.run([a.binary, "--version"], capture_output=True, text=True).stdout.strip()
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True).stdout.strip()
    peers = ""
    if a.peers and not a.growth:
        ask = "import torch, transformers; print('torch', torch.__version__, 'transformers', transformers.__version__)"
        peers = ", " + subprocess.run([a.python, "-c", ask], capture_output=True, text=True).stdout.strip()
    print(f"{versions} at {commit or 'no commit'}{peers}; {cpu()}, {os.cpu_count()} cores, {platform.system()}", flush=True)
    growth(a) if a.growth else compare(a)


def cpu():
    try:
        with open("/proc/cpuinfo") as f:
            lines = [line for line in f if line.startswith("model name")]
        return lines[0].split(":", 1)[1].strip()
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
