"""Runs jobs of the program itself in worlds of their own (world.h), a seed each, and looks at what is left.

A seed draws what is run and what goes wrong: a rank is killed, all are, a signal asks for a stop, calls on files fail.
Then the run is resumed, with other numbers of ranks, until it ends. Whatever happened, it must end with the SHA-256 of
a run in which nothing did.
"""
import argparse, collections, hashlib, json, multiprocessing, os, pathlib, random, re, shutil, struct, subprocess, sys, time

CRASH = re.compile(r"Fatal error|Crash|Illegal instruction|Segmentation fault|Backtrace|Assertion|core dumped")
STEPS = 6
ERRNO = {"EIO": 5, "ENOSPC": 28, "EDQUOT": 122, "EINTR": 4, "half": 0}


def options(settings):
    """The settings as words of a command line."""
    return [f"--set={name}={json.dumps(value).strip(chr(34))}" for name, value in settings.items()]


class Scenario:
    """What a seed draws."""

    def __init__(self, seed):
        dice = random.Random(seed)
        self.seed, self.dice = seed, dice
        self.batch = dice.choice([1, 2, 3, 5])
        self.averaged = dice.random() < 0.3
        self.settings = {
            "training.batch": self.batch, "training.ema": 0.9 if self.averaged else 0,
            "checkpoint.every": dice.choice([1, 2, 3]), "checkpoint.keep": dice.choice([1, 2, 100]),
            "checkpoint.memory": False,
            "validation.every": dice.choice([2, 3]), "validation.on": dice.choice(["coordinator", "workers"]),
            "data.loader_threads": dice.choice([1, 2]), "run.threads": dice.choice([1, 1, 2]),
            "run.replica_check_every": dice.choice([1, 2, 5]), "run.fault_timeout": dice.choice([2, 10]),
        }

    def how(self):
        """The settings of one job that its result does not depend on, the number of its ranks, and of ranks a host."""
        dice = self.dice
        mode = dice.choice(["dedicated", "dedicated", "shared"])
        workers = dice.randint(1, min(self.batch, 4))
        ranks = workers + (1 if mode == "dedicated" else 0)
        settings = {
            "run.coordinator": mode, "run.audit": dice.choice([0, 0, 0.3, 1]),
            "communication.overlap": dice.random() < 0.7, "communication.host_sums": dice.random() < 0.7,
            "communication.route": dice.choice(["automatic", "direct", "halving"]),
            "communication.bucket_mb": dice.choice([0.001, 16]),
        }
        return settings, ranks, dice.choice([1, 2, 4])

    def fate(self, ranks):
        """What goes wrong in a job, as the launcher's words."""
        dice = self.dice
        kind = dice.choice(["kill", "kill", "cut", "stop", "files", "files", "stop and kill", "kill and files", "slow"])
        words = {"delay": dice.choice([10_000, 400_000, 5_000_000])}
        when = lambda: int(100 * 2 ** (dice.random() * 6))
        if "kill" in kind: words |= {"kill": when(), "victim": dice.randrange(ranks)}
        if "cut" in kind: words["cut"] = when()
        if "stop" in kind: words["stop"] = when()
        if "files" in kind: words |= {"rate": dice.choice([200, 1000, 10000]), "code": dice.choice(list(ERRNO.values()))}
        return words


class Place:
    """A process's folder, and the ways of the program there."""

    def __init__(self, folder, tools, program):
        self.folder, self.tools, self.program = pathlib.Path(folder), tools, program

    def job(self, words, ranks_a_host, ranks, command):
        world = self.folder / "world"
        line = [self.tools / "launcher", self.tools / "world.so", world, f"ranks={ranks}", f"hosts={ranks_a_host}"]
        line += [f"{key}={value}" for key, value in words.items()] + ["--", self.program] + command
        environment = dict(os.environ, WORLD_FILES=str(self.folder / "runs"), TMPDIR=str(self.folder / "tmp"))
        result = subprocess.run(line, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)
        (self.folder / "words").write_text(result.stderr)
        outcome = json.loads(result.stdout.splitlines()[-1])
        outcome["words"] = result.stderr
        return outcome

    def digest(self):
        """The SHA-256 that the newest checkpoint has of its state; nil without one."""
        try:
            with open(self.folder / "runs/task/checkpoints/latest", "rb") as file:
                size = struct.unpack("<Q", file.read(8))[0]
                metadata = json.loads(file.read(size))["__metadata__"]
            return int(metadata["lockstep.step"]), metadata["lockstep.state_sha256"]
        except (OSError, KeyError, ValueError):
            return None


def look(outcome, words):
    """What is wrong with how a job ended."""
    found = []
    statuses = set(outcome["statuses"])
    if outcome["end"] != "fine": found.append(outcome["end"])
    if outcome["crashed"] >= 0: found.append(f"rank {outcome['crashed']} ended with status {outcome['statuses'][outcome['crashed']]}")
    if CRASH.search(outcome["words"]): found.append("a crash")
    errors = [line for line in outcome["words"].splitlines() if line.startswith("error: ")]
    if len(errors) > 1: found.append(f"{len(errors)} errors: {errors}")
    if not outcome["kills"]:
        if len(statuses) > 1: found.append(f"statuses {outcome['statuses']}")
        allowed = {0} | ({75} if outcome["stops"] else set()) | ({1} if outcome["file_faults"] else set())
        if not statuses <= allowed: found.append(f"statuses {outcome['statuses']}: {errors}")
        if statuses & {1, 2} and not errors: found.append("an end without a word")
    elif not statuses <= {0, 1, 75, 137}: found.append(f"statuses {outcome['statuses']}")
    if outcome["milliseconds"] > 120_000: found.append(f"{outcome['milliseconds']} ms")
    return found


def reference(place, scenario):
    """The end of a run in which nothing goes wrong, kept by what it depends on."""
    key = f"{scenario.batch}-{scenario.averaged}"
    file = place.folder / f"reference-{key}"
    if not file.exists():
        shutil.rmtree(place.folder / "runs", ignore_errors=True)
        outcome = place.job({"seed": 1}, 1, 1, ["train", "task.yaml"] + options(scenario.settings))
        assert outcome["statuses"] == [0], outcome
        file.write_text(json.dumps(place.digest()))
    return tuple(json.loads(file.read_text()))


def run(place, seed, counts):
    """Plays a seed; returns what was found."""
    scenario = Scenario(seed)
    expected = reference(place, scenario)
    shutil.rmtree(place.folder / "runs", ignore_errors=True)
    shutil.rmtree(place.folder / "tmp", ignore_errors=True)
    (place.folder / "tmp").mkdir()
    found, traces = [], []
    faulty = scenario.dice.choice([1, 1, 2, 3])
    for number in range(faulty + 2):
        settings, ranks, ranks_a_host = scenario.how()
        words = scenario.fate(ranks) if number < faulty else {}
        words["seed"] = seed * 16 + number
        is_begun = (place.folder / "runs/task/config.yaml").exists()
        command = ["train", "--resume", "runs/task"] if is_begun else ["train", "task.yaml"]
        command += options(scenario.settings | settings)
        outcome = place.job(words, ranks_a_host, ranks, command)
        traces.append(outcome["trace"])
        for name in ["kills", "stops", "file_faults", "events", "messages"]: counts[name] += outcome[name]
        counts["jobs"] += 1
        problems = look(outcome, words)
        if problems:
            found += [f"job {number} ({' '.join(f'{k}={v}' for k, v in words.items())}, {ranks} ranks): {problem}" for problem in problems]
            (place.folder / f"found-{seed}-{number}").write_text(outcome["words"])
        if outcome["statuses"] == [0] * ranks and not problems: break
    end = place.digest()
    if end != expected: found.append(f"the end is {end}, not {expected}")
    run_folder = place.folder / "runs/task"
    left = [str(file.relative_to(run_folder)) for file in run_folder.rglob("*") if file.suffix in (".part", ".doubtful")]
    if left: found.append(f"left: {left}")
    steps = [json.loads(line)["step"] for line in (run_folder / "metrics.jsonl").read_text().splitlines() if '"event":"train"' in line]
    if steps != list(range(1, STEPS + 1)): found.append(f"the log has steps {steps}")
    return found, hashlib.sha256("".join(traces).encode()).hexdigest()[:16]


def work(arguments, share, queue):
    folder = pathlib.Path(arguments.folder) / str(share)
    folder.mkdir()
    shutil.copytree(pathlib.Path(arguments.folder) / "cells", folder / "cells")
    shutil.copy(pathlib.Path(arguments.folder) / "task.yaml", folder / "task.yaml")
    place = Place(folder, pathlib.Path(arguments.tools), arguments.program)
    first, last = arguments.seeds
    counts = collections.Counter()
    for seed in range(first + share, last + 1, arguments.processes):
        try: found, trace = run(place, seed, counts)
        except Exception as error: found, trace = [f"{type(error).__name__}: {error}"], ""
        queue.put((seed, found, trace))
    queue.put((None, counts, ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", required=True, type=lambda text: tuple(map(int, (text.split("..") * 2)[:2])))
    for name in ["program", "tools", "folder"]: parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--traces", action="store_true")
    arguments = parser.parse_args()
    begin, queue = time.time(), multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(arguments, share, queue)) for share in range(arguments.processes)]
    for worker in workers: worker.start()
    counts, bad, done, left = collections.Counter(), 0, 0, len(workers)
    while left:
        seed, found, trace = queue.get()
        if seed is None:
            counts.update(found)
            left -= 1
            continue
        done += 1
        if arguments.traces: print(f"seed {seed}: {trace}")
        if found:
            bad += 1
            print(f"FOUND seed {seed}: {'; '.join(found)}\n  repeat: launch/simulate --seeds {seed}", flush=True)
    seconds = time.time() - begin
    print(
        f"{done} seeds in {seconds:.0f} s, {bad} with findings: {counts['jobs']} jobs, {counts['kills']} kills, "
        f"{counts['stops']} stops, {counts['file_faults']} calls on files that failed, {counts['messages']} messages, "
        f"{counts['events']} events")
    sys.exit(1 if bad else 0)


main()
