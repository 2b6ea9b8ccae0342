# shellcheck shell=bash disable=SC2154 # shared variables: launch/soak reads and sets them
# System calls that fail, by faults.c: each on the files of a tiny training run, a prediction and a sweep in turn. A case
# is TARGET:CALLS:ERROR:NUMBER:MODE. Sourced by launch/soak.

declare -A codes=([EIO]=5 [EACCES]=13 [EMFILE]=24 [ENOSPC]=28 [EROFS]=30 [ESTALE]=116 [EDQUOT]=122 [short]=short [kill]=kill)
declare -A reasons=(
    [EIO]='input/output error' [EACCES]='permission denied' [EMFILE]='too many open files'
    [ENOSPC]='no space left on device' [EROFS]='read-only file system' [ESTALE]='stale file handle'
    [EDQUOT]='disk quota exceeded')

writing=create,write,sync,rename,truncate,link,mkdir
# What fails, and how.
fault_kinds=(
    create:EMFILE:once create:ENOSPC:once create:EACCES:once open:EMFILE:once open:EIO:once open:ESTALE:once
    read:EIO:once read:ESTALE:once write:EIO:once write:ENOSPC:once write:short:once sync:EIO:once rename:EIO:once
    rename:ENOSPC:once unlink:EIO:once truncate:EIO:once link:ENOSPC:once mkdir:ENOSPC:once "$writing:ENOSPC:always"
    "$writing:EDQUOT:always" "$writing,unlink:EROFS:always" "create,open:EMFILE:always"
    "$writing,unlink,open,read:EIO:always" sync:EIO:always rename:EIO:always unlink:EACCES:always write:short:always
    "$writing,unlink:kill:once"
)

# Makes the shim, and what the cases begin from and are compared with: a run, one that has not ended, a prediction of the
# first, a sweep.
prepare_faults() {
    local compiler
    find_swift
    compiler="$(command -v cc || command -v clang)" || fail 2 "no C compiler: install gcc, or use a full Swift toolchain"
    quietly "$compiler" -O2 -shared -fPIC -o "$folder/faults.so" "$root/Tests/Soak/faults.c" -ldl
    (
        cd "$folder/place"
        cat >sweep.yaml <<'YAML'
name: tries
base: task.yaml
set: {training.steps: 2}
parameters: {optimizer.momentum: [0.5, 0.9]}
workers: 1
retries: 0
YAML
        quietly "$program" train task.yaml --output model
        quietly "$program" train task.yaml --output begun --set training.steps=3
        quietly "$program" predict model --input cells/images --output pictures --probabilities --instances
        quietly "$program" sweep sweep.yaml
    ) || fail 1 "the tiny task does not work without faults"
    mv "$folder/place/pictures" "$folder/pictures"
    mv "$folder/place/sweeps" "$folder/sweeps"
    reference="$(weights_of "$folder/place/model")"
    [[ "$reference" =~ ^4\ [0-9a-f]{64}$ ]] || fail 1 "inspect says no SHA-256 of the tiny run: $reference"
}

# Runs a target in the folder that one is in: run_target TARGET WORD…
run_target() {
    local target="$1"
    shift
    case "$target" in
        train) timeout -s KILL 60 "$@" "$program" train task.yaml --output run ;;
        resume) timeout -s KILL 60 "$@" "$program" train --resume run --set training.steps=4 ;;
        coordinator | worker) timeout -s KILL 60 "$@" mpirun -q --oversubscribe --bind-to none -np 2 "$program" train task.yaml --output run ;;
        predict) timeout -s KILL 60 "$@" "$program" predict model --input cells/images --output pictures --probabilities --instances ;;
        sweep) timeout -s KILL 120 "$@" "$program" sweep sweep.yaml ;;
    esac
}

rank_of() {
    case "$1" in
        coordinator) echo 0 ;;
        worker) echo 1 ;;
        *) echo none ;;
    esac
}

# Makes the folder of a case, and goes there.
enter_case() {
    mkdir "$1"
    cp -r "$folder/place/." "$1"
    cd "$1" || return
    [ "$2" = predict ] || rm -r model
    if [ "$2" = resume ]; then mv begun run; else rm -r begun; fi
}

# How many calls of some kinds a target makes: count_calls TARGET CALLS
count_calls() {
    local log="$folder/calls-$1"
    if [ ! -e "$log" ]; then
        (
            enter_case "$folder/count-$1" "$1"
            run_target "$1" env LD_PRELOAD="$folder/faults.so" FAULT_BELOW="$PWD" FAULT_LOG="$log" FAULT_RANK="$(rank_of "$1")" FAULT_NAME="${program##*/}" \
                FAULT_CALLS=create,open,read,write,sync,rename,unlink,truncate,link,mkdir >/dev/null 2>&1
        )
        rm -rf "$folder/count-$1"
        [ -s "$log" ] || fail 1 "$1 makes no call that the shim sees"
    fi
    grep -cE "^(${2//,/|}) " "$log" || true
}

# Walks over the cases.
soak_faults() {
    local begin=$SECONDS before targets=(train resume coordinator worker predict sweep) target kind count number cases=0 running=0
    before="$(count_findings)"
    prepare_faults
    if [ -n "$case" ]; then
        one_case "$case"
        verdict "the case $case" "$before"
        return
    fi
    [ -z "$only" ] || targets=("$only")
    for target in "${targets[@]}"; do
        [[ " train resume coordinator worker predict sweep " == *" $target "* ]] || fail 2 "--only $target: see $0 --help"
        for kind in "${fault_kinds[@]}"; do
            count="$(count_calls "$target" "${kind%%:*}")" || exit
            # A start that moves on, so that a sample meets different calls with different faults.
            for ((number = 1 + cases % every; number <= count; number += every)); do
                while [ "$running" -ge 2 ]; do
                    wait -n || true
                    running=$((running - 1))
                done
                one_case "$target:${kind%:*}:$number:${kind##*:}" &
                running=$((running + 1))
                cases=$((cases + 1))
            done
        done
        [ "$running" -eq 0 ] || wait
        running=0
        echo "$target: $cases cases so far, $(($(count_findings) - before)) found, $((SECONDS - begin)) s"
    done
    verdict "$cases cases in $((SECONDS - begin)) s" "$before"
}

# One case: TARGET:CALLS:ERROR:NUMBER:MODE
one_case() {
    local target calls error number mode status=0 place words log
    IFS=: read -r target calls error number mode <<<"$1"
    place="$folder/case-${1//[:,]/-}"
    log="$place.log"
    (
        enter_case "$place" "$target"
        run_target "$target" env LD_PRELOAD="$folder/faults.so" FAULT_BELOW="$PWD" FAULT_CALLS="$calls" \
            FAULT_DO="${codes[$error]}" FAULT_AT="$number" FAULT_ALWAYS="$([ "$mode" = always ] && echo 1 || echo 0)" \
            FAULT_RANK="$(rank_of "$target")" FAULT_NAME="${program##*/}" FAULT_LOG="$log" >"$place.out" 2>"$place.err"
    ) || status=$?
    if grep -qs '^hit ' "$log"; then
        while IFS= read -r words; do
            finding "$1: $words" "launch/soak faults --case $1"
        done < <(cd "$place" && judge_case "$target" "$error" "$status" "$place" "$log" 2>&1)
    fi
    rm -rf "$place" "$place".{out,err,log,again}
}

# Prints what is wrong with the end of a case, and with what a start without faults makes of it, a line each.
judge_case() {
    local target="$1" error="$2" status="$3" errors="$4.err" log="$5" allowed=' 0 1 75 ' line hit
    hit="$(grep -m 1 '^hit ' "$log" | cut -d ' ' -f 3-)"
    hit="${hit#"$4"}"
    hit="${hit#/}"
    [ "$error" = short ] && allowed=' 0 '
    [ "$error" = kill ] && allowed=' 1 137 '
    if [[ "$allowed" != *" $status "* ]]; then
        line="$(grep -E -m 1 "^error: |$crash_words" "$errors" || tail -n 1 "$errors")"
        echo "$hit: exit status $status, $line"
    fi
    if grep -qE "$crash_words" "$errors"; then echo "$hit: $(grep -E -m 1 "$crash_words" "$errors")"; fi
    if [ "$status" -eq 1 ] && [ "$error" != kill ]; then judge_words "$errors" "$error" "$hit"; fi
    case "$target" in
        predict) judge_prediction "$status" ;;
        sweep) judge_sweep "$status" ;;
        *) judge_training "$target" "$error" "$status" "$log" ;;
    esac
}

# An end with status 1 has one line that names a path and the system's reason.
judge_words() {
    local count name
    count="$(grep -c '^error: ' "$1" || true)"
    [ "$count" -eq 1 ] || echo "$3: $count lines of error: $(grep -m 2 '^error: ' "$1" | tr '\n' '|')"
    # A write that was cut short has none, and ends nothing.
    [ -z "${reasons[$2]:-}" ] || grep '^error: ' "$1" | grep -qF "${reasons[$2]}" ||
        echo "$3: the line lacks the reason '${reasons[$2]}': $(grep -m 1 '^error: ' "$1")"
    # A temporary file's name is nobody's business: the path that it stands for is. What is read and written at a time fails
    # in any order.
    name="${3##*/}"
    name="${name#.}"
    name="${name%.part}"
    grep '^error: ' "$1" | grep -qF -e "${name%%.*}" -e "run/" -e cells/ -e pictures/ -e "${3%%/*}" ||
        echo "$3: the line names no path: $(grep -m 1 '^error: ' "$1")"
}

judge_training() {
    local target="$1" error="$2" status="$3" log="$4" left last again=0 kind
    check_checkpoints run
    if [ "$status" -eq 0 ]; then
        last="$(weights_of run)"
        [ "$last" = "$reference" ] || echo "status 0 with step and weights ${last:-that cannot be read}"
    fi
    # What had its name before the fault stays, or something newer does.
    if { [ "$target" = resume ] || sed '/^hit /,$d' "$log" | grep -qE '^rename .*/step-[0-9]+\.safetensors$'; } &&
        ! ls run/checkpoints/step-*.safetensors >/dev/null 2>&1; then
        echo "a checkpoint was there, and none is left"
    fi
    left="$(find run -name '*.part*' 2>/dev/null | head -n 1)"
    [ -z "$left" ] || [ "$error" = kill ] || [[ "$calls:$mode" = *unlink*:always ]] || echo "$left is left"
    if [ -e run/config.yaml ]; then
        timeout -s KILL 60 "$program" train --resume run --set training.steps=4 >"$4.again" 2>&1 || again=$?
    else
        timeout -s KILL 60 "$program" train task.yaml --output run >"$4.again" 2>&1 || again=$?
    fi
    [ "$again" -eq 0 ] || echo "a start without faults ends with $again: $(grep -m 1 '^error: ' "$4.again" || tail -n 1 "$4.again")"
    last="$(weights_of run)"
    [ "$again" -ne 0 ] || [ "$last" = "$reference" ] || echo "after a start without faults: step and weights ${last:-cannot be read}"
    left="$(find run -name '*.part*' 2>/dev/null | head -n 1)"
    [ -z "$left" ] || echo "$left is left after a start without faults"
    # A line that could not be written is lost; no other is.
    kind="$(grep -m 1 '^hit ' "$log" | cut -d ' ' -f 2,3)"
    if [ "$again" -eq 0 ] && [ "$mode" = once ] && { [ "$error" = short ] || [[ "$kind" != @(write|create)*metrics.jsonl ]]; }; then
        left="$(grep '"event":"train"' run/metrics.jsonl | grep -o '"step":[0-9]*' | sort -u | wc -l)"
        [ "$left" -eq 4 ] || echo "after a start without faults the log has $left of 4 steps"
    fi
    rm -f "$4.again"
}

judge_prediction() {
    local again=0
    [ "$1" -ne 0 ] || judge_pictures "status 0"
    run_target predict >again 2>&1 || again=$?
    [ "$again" -eq 0 ] || echo "a second call ends with $again: $(grep -m 1 '^error: ' again || tail -n 1 again)"
    [ "$again" -ne 0 ] || judge_pictures "after a second call"
}

judge_pictures() {
    local difference
    difference="$(compare_pictures "$folder/pictures" pictures)"
    [ -z "$difference" ] || echo "$1: $difference"
}

judge_sweep() {
    local again=0 table
    table() { cut -d , -f 1-5 "$1/tries/results.csv" 2>/dev/null; }
    if [ -d sweeps/tries ]; then
        timeout -s KILL 120 "$program" sweep sweep.yaml --resume >again 2>&1 || again=$?
    else
        timeout -s KILL 120 "$program" sweep sweep.yaml >again 2>&1 || again=$?
    fi
    [ "$again" -eq 0 ] || echo "a start without faults ends with $again: $(grep -m 1 '^error: ' again || tail -n 1 again)"
    [ "$again" -ne 0 ] || [ "$(table sweeps)" = "$(table "$folder/sweeps")" ] ||
        echo "after a start without faults another table: $(table sweeps | tr '\n' '|')"
    table="$(find sweeps -name '*.part*' 2>/dev/null | head -n 1)"
    [ -z "$table" ] || echo "$table is left after a start without faults"
}
