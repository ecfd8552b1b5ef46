#!/usr/bin/env bash
# joblib 1.6.0, Python 3.11, Linux
#
# Batch systems and "kill" end a process by SIGTERM, which Python leaves to the system. If
# the process runs joblib.Parallel with its default backend, it ends at once, and its
# workers go on until their task is done, results of which nobody gets. Meanwhile they keep
# cores, memory and files, and a script that is started again writes the same files beside
# them. With a handler that raises SystemExit the workers end, too, as they do with Ctrl-C.
#
# Output seen (two tasks of six seconds, SIGTERM after one; files written ten seconds later):
#   default: 2 files
#   sys.exit in a handler: 0 files
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
"$folder/bin/pip" install -q joblib==1.6.0
cat > "$folder/work.py" <<'PY'
import signal
import sys
import time
from pathlib import Path

from joblib import Parallel, delayed


def task(number):
    Path(sys.argv[1], f"{number}.started").touch()
    time.sleep(6)
    Path(sys.argv[1], f"{number}.done").touch()


if __name__ == "__main__":
    if sys.argv[2] == "handler":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Parallel(n_jobs=2)(delayed(task)(number) for number in range(2))
PY
cat > "$folder/end.py" <<'PY'
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def end(way):
    with tempfile.TemporaryDirectory() as folder:
        script = str(Path(__file__).with_name("work.py"))
        process = subprocess.Popen([sys.executable, script, folder, way])
        while len(list(Path(folder).glob("*.started"))) < 2:
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(1)
        process.terminate()
        process.wait()
        time.sleep(10)
        return len(list(Path(folder).glob("*.done")))


found = {"default": end("default"), "sys.exit in a handler": end("handler")}
for what, number in found.items():
    print(f"{what}: {number} files")
assert list(found.values()) == [2, 0]
PY
"$folder/bin/python" "$folder/end.py"
