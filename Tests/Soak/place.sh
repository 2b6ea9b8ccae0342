# shellcheck shell=bash disable=SC2034,SC2154 # shared variables: launch/soak reads and sets them
# A folder with a tiny task, what a run of it must end with, and what is found. Sourced by launch/soak.

# What the program says of itself that no run from outside may cause.
crash_words='Fatal error|Crash|Illegal instruction|Segmentation fault|Backtrace|Assertion|core dumped'

# Makes the folder of the whole call with the task in it: images, a configuration, and a temporary folder that only our
# programs use.
make_place() {
    # In memory, where that is possible: hundreds of runs that sync each step.
    folder="$(mktemp -d -p /dev/shm lockstep-soak.XXXXXX 2>/dev/null || mktemp -d -t lockstep-soak.XXXXXX)"
    folder="$(cd "$folder" && pwd -P)"
    findings="$folder/findings"
    : >"$findings"
    mkdir "$folder/tmp" "$folder/place"
    export TMPDIR="$folder/tmp"
    shared_memory="$(list_shared_memory)"
    (
        cd "$folder/place"
        quietly "$program" synthesize cells --count 4 --size 48 --seed 3
        cat >task.yaml <<'YAML'
name: task
model: {base_channels: 2, depth: 1}
data:
  root: cells
  train: {images: images, labels: labels}
  validation: {fraction: 0.3}
  labels: binary
  tile: 44
optimizer: {learning_rate: 0.02, momentum: 0.9}
training: {steps: 4, batch: 2}
checkpoint: {every: 1, keep: 2}
validation: {every: 2}
run: {replica_check_every: 2, fault_timeout: 10}
YAML
    ) || fail 1 "$program cannot draw the task's images"
}

# Prints something that was found, and the command that repeats it: finding TEXT COMMAND
finding() { printf 'FOUND %s\n  repeat: %s\n' "$1" "$2" | tee -a "$findings"; }

# Ends a part with its verdict: verdict TEXT FINDINGS-BEFORE
verdict() {
    local found
    check_traces
    found=$(($(count_findings) - $2))
    echo "$1; $found found"
    [ "$found" -eq 0 ]
}

count_findings() { grep -c '^FOUND' "$findings" || true; }

# Nothing of ours may be left in the temporary folder and in shared memory. What Open MPI leaves there of a job whose every
# process was killed, nobody else can remove: it is removed here, and said.
check_traces() {
    local left segment removed=0
    # A job that was killed goes on for a moment.
    for _ in {1..50}; do
        pgrep -f "$folder" >/dev/null || break
        sleep 0.1
    done
    rm -rf "$folder"/tmp/ompi.* "$folder"/tmp/openmpi-sessions-*
    # What a launch script leaves that was killed with all its helpers, the next one takes away.
    TMPDIR="$folder/tmp" "$root/launch/train" --program "$program" --dry-run >/dev/null 2>&1 || true
    left="$(find "$folder/tmp" -mindepth 1 | head -n 3)"
    [ -z "$left" ] || finding "left in the temporary folder: ${left//$'\n'/ }" "launch/soak $part --seed $seed"
    while IFS= read -r segment; do
        case "$segment" in
            vader_segment.*)
                if ! grep -qsF "/dev/shm/$segment" /proc/[0-9]*/maps; then
                    rm -f "/dev/shm/$segment"
                    removed=$((removed + 1))
                fi
                ;;
            *) finding "left in /dev/shm: $segment" "launch/soak $part --seed $seed" ;;
        esac
    done < <(comm -13 <(echo "$shared_memory") <(list_shared_memory))
    [ "$removed" -eq 0 ] || echo "Open MPI left $removed segments of killed jobs in /dev/shm: removed"
}

# What lies in shared memory of our programs and of Open MPI, but for the folders of tests such as this.
list_shared_memory() {
    find /dev/shm -mindepth 1 -maxdepth 1 \( -name 'vader_segment.*' -o -name '*lockstep*' \) ! -name 'lockstep-soak.*' \
        ! -name 'lockstep-fuzz.*' -printf '%f\n' 2>/dev/null | sort
}

# mpirun with as many ranks as given, as the tests start it: on_ranks N COMMAND…
on_ranks() {
    local ranks="$1"
    shift
    mpirun -q --oversubscribe --bind-to none -np "$ranks" "$@"
}

# The step of a checkpoint, or of a run, and the SHA-256 of its weights; nothing where it cannot be read.
weights_of() {
    local answer
    answer="$("$program" inspect "$1" --json 2>/dev/null)" || return 0
    # Two spaces: the document's own keys.
    sed -n 's/^  "step" : \([0-9]*\),$/\1 /p' <<<"$answer" | tr -d '\n'
    sed -n 's/^  "sha256" : "\(.*\)",$/\1/p' <<<"$answer"
}

# What is wrong with the checkpoints of a run, a line each: check_checkpoints RUN
check_checkpoints() {
    local file words
    for file in "$1"/checkpoints/step-*.safetensors; do
        [ -e "$file" ] || continue
        words="$("$program" inspect "$file" 2>&1 >/dev/null)" || echo "${file##*/} is left and cannot be read ($words)"
    done
}

# How the files of a prediction differ from those of another, empty where they do not; the record of what is finished,
# which says it in another order, is no picture: compare_pictures REFERENCE FOLDER
compare_pictures() {
    local all
    all="$(diff -rq --exclude=.lockstep-predict.jsonl "$1" "$2" 2>&1)" && return
    printf '%s files differ, such as: %s\n' "$(wc -l <<<"$all")" "$(head -n 1 <<<"${all//"$folder"\//}")"
}
