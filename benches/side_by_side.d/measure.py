"""measure.py CORES LIMIT TIMES OUT ERR COMMAND...: runs a command TIMES times, one after the other, on these cores (`0,1`, or `-`), for
LIMIT seconds at most each. Says an exit code that is not 0 if there was one, the mean seconds of wall, user and system time, and the peak memory in KiB."""

import os, resource, signal, subprocess, sys, time
from pathlib import Path

cores, limit, times, out, err, *command = sys.argv[1:]
limit, times = float(limit), int(times)
peak = Path(err).with_suffix(".peak")
peak.write_text("")
if cores != "-":
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
if times == 1:
    # What is started from here counts our own memory as its peak, and GNU time's is small.
    command = ["time", "-qo", str(peak), "-f", "%M", *command]


def stop(*_):
    os.killpg(running.pid, signal.SIGKILL)
    sys.exit(1)


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGALRM, lambda *_: os.killpg(running.pid, signal.SIGKILL))
wall, bad = 0.0, 0
before = resource.getrusage(resource.RUSAGE_CHILDREN)  # of a script that became this one
for _ in range(times):
    with open(out, "wb") as stdout, open(err, "wb") as stderr:
        start = time.perf_counter()
        running = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True)
        signal.setitimer(signal.ITIMER_REAL, limit)
        code = running.wait()
        signal.setitimer(signal.ITIMER_REAL, 0)
        wall += time.perf_counter() - start
    bad = bad or code
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = wall, used.ru_utime - before.ru_utime, used.ru_stime - before.ru_stime
print(bad, *(f"{each / times:.6f}" for each in seconds), peak.read_text().strip() or 0)
