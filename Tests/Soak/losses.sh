# shellcheck shell=bash disable=SC2154 # shared variables: launch/soak reads and sets them
# SIGKILL to a random rank of a run whose only checkpoint is its last: launch/supervise goes on from the last step, which a
# machine keeps in memory. Sourced by launch/soak, after kills.sh.

# Steps long enough that every one of them is kept, and validations beside the training.
loss_settings=(--set model.base_channels=8 --set model.depth=2 --set data.tile=220 --set training.batch=4
    --set checkpoint.every=1000000 --set validation.every=15)

# The last step in the log of a run that was trained; 0 where there is none.
last_step() {
    local step
    step="$(grep -o '"event":"train".*"step":[0-9]*' "$1/metrics.jsonl" 2>/dev/null | tail -n 1 | grep -o '[0-9]*$' || true)"
    echo "${step:-0}"
}

# What this user's runs have in shared memory.
list_kept() { find /dev/shm -maxdepth 1 -name "lockstep-$(id -u)-*" -printf '%f\n' 2>/dev/null | sort; }

# The steps that a run says it went on from, a line each: out of memory, or from the checkpoint of a best validation.
origins_of() { grep -ao 'step [0-9]*: going on from' "$1" 2>/dev/null | grep -o '[0-9][0-9]*' || true; }

# Waits for a run to get on to a step, 60 s: await_step RUN STEP
await_step() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        [ "$(last_step "$1")" -lt "$2" ] || return 0
        sleep 0.1
    done
    return 1
}

soak_losses() {
    local begin=$SECONDS before total="${count:-20}" losses=0 run workers steps ranks last origin number status=0 repeat kept
    local farthest=0 memory
    before="$(count_findings)"
    repeat="launch/soak losses --count $total --seed $seed"
    cd "$folder/place" || return
    kept="$(list_kept)"
    steps=$((total * 12 + 20))
    loss_settings+=(--set "training.steps=$steps")
    quietly "$program" train task.yaml --output reference "${loss_settings[@]}" --set checkpoint.memory=false
    reference="$(weights_of reference)"
    [ -n "$reference" ] || fail 1 "the tiny task does not work without kills"
    run="$folder/place/lost"
    workers=$((1 + RANDOM % 3))
    "$root/launch/supervise" --program "$program" --max-restarts 9999 --workers "$workers" task.yaml --output "$run" \
        "${loss_settings[@]}" >"$folder/output" 2>&1 </dev/null &
    child=$!
    last=0
    while [ "$losses" -lt "$total" ]; do
        if ! await_step "$run" $((last + 1 + RANDOM % 10)); then
            finding "after kill $losses the run does not get on: $(tail -n 1 "$folder/output")" "$repeat"
            break
        fi
        mapfile -t ranks < <(pgrep -f -- "^$program .*$run" || true)
        [ "${#ranks[@]}" -gt 0 ] || break
        kill -KILL "${ranks[RANDOM % ${#ranks[@]}]}" 2>/dev/null || true
        losses=$((losses + 1))
        # Until all ranks are gone nothing else is written to the log, nor before the next start's first note.
        for _ in {1..600}; do
            [ -n "$(pgrep -f -- "^$program .*$run" || true)" ] || break
            sleep 0.05
        done
        last="$(last_step "$run")"
        for _ in {1..900}; do
            number="$(origins_of "$folder/output" | wc -l)"
            if [ "$number" -ge "$losses" ] || ! kill -0 "$child" 2>/dev/null; then break; fi
            sleep 0.1
        done
        origin="$(origins_of "$folder/output" | sed -n "${losses}p")"
        if [ -z "$origin" ]; then
            finding "kill $losses at step $last: the run did not go on: $(tail -n 1 "$folder/output")" "$repeat"
            break
        fi
        [ $((last - origin)) -le "$farthest" ] || farthest=$((last - origin))
        [ "$origin" -ge $((last - 1)) ] || finding "kill $losses at step $last: the run goes on from step $origin" "$repeat"
    done
    wait "$child" 2>/dev/null || status=$?
    child=
    memory="$(grep -ac 'kept in the memory of' "$folder/output" || true)"
    [ "$status" -eq 0 ] || finding "the run ends with $status: $(grep -m 1 '^error: ' "$folder/output")" "$repeat"
    last="$(weights_of "$run")"
    [ "$last" = "$reference" ] || finding "the run ended with $last, not with $reference" "$repeat"
    check_course "$run" "$repeat"
    [ "$(list_kept)" = "$kept" ] || finding "left in /dev/shm by a run that has ended: $(list_kept | head -n 1)" "$repeat"
    check_orphans "$kept" "$repeat"
    rm -rf reference "$run"
    verdict "$losses losses with $workers workers, $memory of them gone on from out of memory, from at most $farthest steps before, SHA-256 ${reference#* } in $((SECONDS - begin)) s" "$before"
}

# Every step must be in the log once, and every validation: check_course RUN REPEAT
check_course() {
    local event
    for event in train validation; do
        if ! diff <(steps_of "$1" "$event") <(steps_of reference "$event") >/dev/null; then
            finding "the log's $event events are not those of a run that nothing happened to" "$2"
        fi
    done
}

# The steps of a run's events of a kind, ascending: steps_of RUN EVENT
steps_of() { grep "\"event\":\"$2\"" "$1/metrics.jsonl" | grep -o '"step":[0-9]*' | sort; }

# Kills all of a supervised run at once; the next start of any run removes what it has kept: check_orphans KEPT REPEAT
check_orphans() {
    local run="$folder/place/orphan" mine
    "$root/launch/supervise" --program "$program" --workers 1 task.yaml --output "$run" "${loss_settings[@]}" \
        >"$folder/output" 2>&1 </dev/null &
    child=$!
    await_step "$run" 3 || finding "a run does not get on: $(tail -n 1 "$folder/output")" "$2"
    mapfile -t mine < <(processes_in "$run")
    kill -KILL "${mine[@]}" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
    child=
    await_end "$run" >/dev/null
    [ "$(list_kept)" != "$1" ] || finding "a run that was killed has kept nothing" "$2"
    quietly "$program" train task.yaml --output "$folder/place/next" --set training.steps=1
    [ "$(list_kept)" = "$1" ] || finding "left in /dev/shm by a run that was killed, after a new start: $(list_kept | head -n 1)" "$2"
    rm -rf "$run" "$folder/place/next"
}
