# shellcheck shell=bash disable=SC2154 # shared variables: launch/soak reads and sets them
# SIGKILL at random moments, and going on with another number of workers: the weights at the end are those of a run that
# nothing happened to. Sourced by launch/soak.

kill_settings=(--set training.steps=1500 --set training.batch=4 --set checkpoint.every=5 --set validation.every=50)

# Sets words to the start of a run, or to going on with it: training_words CONFIG RUN SETTING…
training_words() {
    local configuration="$1" run="$2"
    shift 2
    if [ -e "$run/config.yaml" ]; then
        words=(train --resume "$run")
    else
        words=(train "$configuration" --output "$run" "$@")
    fi
}

# The processes of the job in a folder: the launch script, mpirun and the ranks.
processes_in() { pgrep -f -- "$1" | grep -vx "$$" | grep -vx "$BASHPID" || true; }

# Ends one of the processes of a run, or all of them at once; says which.
kill_some() {
    local run="$1" mine ranks mpirun victims what
    mapfile -t mine < <(processes_in "$run")
    [ "${#mine[@]}" -gt 0 ] || return 0
    mapfile -t ranks < <(pgrep -f -- "^$program .*$run" || true)
    mpirun="$(pgrep -f -- "^mpirun .*$run" | head -n 1 || true)"
    case $((RANDOM % 4)) in
        0) what=all victims=("${mine[@]}") ;;
        1) what=mpirun victims=("${mpirun:-${mine[0]}}") ;;
        2) what='the first process' victims=("${mine[0]}") ;;
        3)
            [ "${#ranks[@]}" -gt 0 ] || ranks=("${mine[@]}")
            what='a rank' victims=("${ranks[RANDOM % ${#ranks[@]}]}")
            ;;
    esac
    kill -KILL "${victims[@]}" 2>/dev/null || true
    echo "$what"
}

# Waits until no process of a run is left, 20 s; kills what is left then, and says so.
await_end() {
    local left
    for _ in {1..200}; do
        [ -n "$(processes_in "$1")" ] || return 0
        sleep 0.1
    done
    left="$(processes_in "$1" | tr '\n' ' ')"
    # shellcheck disable=SC2086
    ps -o args= -p ${left// /,} 2>/dev/null | head -n 1 | cut -c 1-150
    # shellcheck disable=SC2086
    kill -KILL $left 2>/dev/null || true
    sleep 0.2
}

# Starts a run or goes on with it, with as many workers as given (0: one process without mpirun), by the launch script
# or without: launch_training WORKERS BY-SCRIPT WORD…
launch_training() {
    local workers="$1" by_script="$2"
    shift 2
    if [ "$workers" -eq 0 ]; then
        exec "$program" "$@"
    elif [ -n "$by_script" ]; then
        shift
        exec "$root/launch/train" --program "$program" --workers "$workers" "$@"
    else
        exec mpirun -q --oversubscribe --bind-to none -np "$((workers + 1))" "$program" "$@"
    fi
}

soak_kills() {
    local begin=$SECONDS before total="${count:-200}" kills=0 runs=0 run words workers script victim left last status repeat
    before="$(count_findings)"
    repeat="launch/soak kills --count $total --seed $seed"
    cd "$folder/place" || return
    quietly "$program" train task.yaml --output reference "${kill_settings[@]}"
    reference="$(weights_of reference)"
    [ -n "$reference" ] || fail 1 "the tiny task does not work without kills"
    run="$folder/place/run-0"
    while :; do
        workers=$((RANDOM % 4))
        script=$([ $((RANDOM % 2)) -eq 0 ] || echo 1)
        training_words task.yaml "$run" "${kill_settings[@]}"
        (launch_training "$workers" "$script" "${words[@]}") >"$folder/output" 2>&1 </dev/null &
        child=$!
        victim=
        if [ "$kills" -lt "$total" ]; then
            sleep "$((RANDOM % 3)).$((RANDOM % 10))"
            victim="$(kill_some "$run")"
        fi
        status=0
        wait "$child" 2>/dev/null || status=$?
        child=
        left="$(await_end "$run")"
        [ -z "$left" ] || finding "kill $((kills + 1)), of $victim of $workers workers${script:+ by launch/train}: 20 s later there is still: $left" "$repeat"
        [ -z "$victim" ] || kills=$((kills + 1))
        while IFS= read -r words; do
            finding "kill $kills, of $victim: $words" "$repeat"
        done < <(check_checkpoints "$run")
        if [ -z "$victim" ] && [ "$status" -ne 0 ]; then
            finding "a start after kill $kills ends with $status: $(grep -m 1 '^error: ' "$folder/output" || tail -n 1 "$folder/output")" "$repeat"
            # What cannot go on is given up.
            run="$folder/place/run-$((runs += 1))"
            [ "$kills" -lt "$total" ] || break
            continue
        fi
        last="$(weights_of "$run")"
        [ "${last%% *}" = "${reference%% *}" ] || continue
        runs=$((runs + 1))
        # A kill may have come between the last checkpoint and what follows it.
        training_words task.yaml "$run"
        quietly "$program" "${words[@]}" || finding "a run that has ended cannot be resumed after kill $kills" "$repeat"
        [ "$last" = "$reference" ] || finding "run $runs ended with $last, not with $reference" "$repeat"
        left="$(find "$run" -name '*.part*' | head -n 1)"
        [ -z "$left" ] || finding "${left#"$folder"/} is left" "$repeat"
        rm -rf "$run"
        [ "$kills" -lt "$total" ] || break
        run="$folder/place/run-$runs"
    done
    rm -rf reference
    verdict "$kills kills, $runs whole runs with the SHA-256 ${reference#* } in $((SECONDS - begin)) s" "$before"
}
