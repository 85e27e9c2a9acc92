#!/usr/bin/env bash
# Fetches SwiftShader, a Vulkan driver that computes on the CPU, out of Debian's Chromium package, so that the GPU path
# can be tried on a machine without a GPU. Prints the file to point VK_DRIVER_FILES at:
#
#   export VK_DRIVER_FILES=$(scripts/software-gpu.sh)
#   target/release/casebook doctor --device software-gpu
#
# Needs Debian's apt-get and dpkg-deb, and libvulkan1 installed. OUT: where it is kept (default target/software-gpu).
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-$root/target/software-gpu}
driver=$out/libvk_swiftshader.so
if [[ ! -f $driver ]]; then
    mkdir -p "$out/packages"
    (cd "$out/packages" && apt-get download chromium chromium-common >&2)
    for package in "$out"/packages/*.deb; do
        # A package without the driver makes tar fail; the check below is what counts.
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$out" --strip-components=4 --wildcards '*/libvk_swiftshader.so' 2> /dev/null || true
    done
    rm -r "$out/packages"
    [[ -f $driver ]] || { echo "the Chromium packages hold no libvk_swiftshader.so" >&2; exit 1; }
fi
cat > "$out/driver.json" <<EOF
{"file_format_version": "1.0.0", "ICD": {"library_path": "$driver", "api_version": "1.0.5"}}
EOF
echo "$out/driver.json"
