# shellcheck shell=bash disable=SC2154 # shared variables: launch/soak reads and sets them
# One long run of two workers and their coordinator: what it takes of the machine does not grow. Sourced by launch/soak.

# Of each rank of a run: its number, resident memory in kB (its own, no files), descriptors and threads; a line each.
sample_ranks() {
    local process rank memory
    while IFS= read -r process; do
        rank="$(tr '\0' '\n' <"/proc/$process/environ" | sed -n 's/^OMPI_COMM_WORLD_RANK=//p')"
        memory="$(awk '/^(RssAnon|RssShmem):/ { sum += $2 } END { print sum }' "/proc/$process/status")"
        echo "$rank $memory $(find "/proc/$process/fd" -mindepth 1 | wc -l) $(find "/proc/$process/task" -mindepth 1 -maxdepth 1 | wc -l)"
    done < <(pgrep -f -- "^$program .*$1") 2>/dev/null | sort -n
}

# The median of the n-th sixth of a column of numbers: median_of_sixth N
median_of_sixth() {
    local all
    mapfile -t all
    local sixth=$((${#all[@]} / 6))
    [ "$sixth" -gt 0 ] || return 0
    printf '%s\n' "${all[@]:$((($1 - 1) * sixth)):$sixth}" | sort -g | sed -n "$(((sixth + 1) / 2))p"
}

# What of a rank has grown, a line each; all of it on the screen.
compare_samples() {
    local column first last
    local -a names=('' '' 'kB of memory' descriptors threads)
    for column in 2 3 4; do
        first="$(sed -n "s/^$1 //p" "$folder/samples" | cut -d ' ' -f $((column - 1)) | median_of_sixth 2)"
        last="$(sed -n "s/^$1 //p" "$folder/samples" | cut -d ' ' -f $((column - 1)) | median_of_sixth 6)"
        echo "rank $1: ${first:-no} ${names[column]}, at the end ${last:-no}" >&2
        # Memory may grow by 2 %, the others not at all.
        [ -n "$last" ] && [ $((last * 100)) -le $((first * (column == 2 ? 102 : 100))) ] ||
            echo "rank $1: ${names[column]} went from ${first:-no} to ${last:-no}"
    done
}

soak_steady() {
    local begin=$SECONDS before length="${minutes:-60}" run="$folder/place/steady" pause status=0 words repeat first last
    before="$(count_findings)"
    repeat="launch/soak steady --minutes $length"
    pause=$((length * 60 / 60))
    : >"$folder/samples"
    cd "$folder/place" || return
    quietly "$program" synthesize large --count 8 --size 192 --seed 4
    on_ranks 3 "$program" train task.yaml --output "$run" --set training.minutes="$length" --set data.root=large \
        --set model.base_channels=16 --set model.depth=2 --set data.tile=124 --set checkpoint.every=50 --set validation.every=100 \
        --set training.steps=null --set optimizer.learning_rate=0.002 --set optimizer.clip_norm=1 >"$folder/output" 2>&1 </dev/null &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep "$pause"
        [ "$(sample_ranks "$run" | wc -l)" -ne 3 ] || sample_ranks "$run" >>"$folder/samples"
    done
    wait "$child" || status=$?
    child=
    [ "$status" -eq 0 ] || finding "the run ended with $status: $(tail -n 1 "$folder/output")" "$repeat"
    # Medians of the second and of the last sixth: the first is the beginning, in which caches fill and buffers grow.
    while IFS= read -r words; do
        finding "$words" "$repeat"
    done < <(for rank in 0 1 2; do compare_samples "$rank"; done)
    # The median of a step in the second and in the last sixth.
    grep '"event":"train"' "$run/metrics.jsonl" | grep -o '"seconds":[0-9.e-]*' | cut -d : -f 2 >"$folder/times"
    first="$(median_of_sixth 2 <"$folder/times")"
    last="$(median_of_sixth 6 <"$folder/times")"
    echo "a step takes $first s at first and $last s at the end (medians of sixths; $(wc -l <"$folder/times") steps)"
    awk -v a="$first" -v b="$last" 'BEGIN { exit !(a > 0 && b <= 1.05 * a) }' ||
        finding "a step's median time went from $first to $last s" "$repeat"
    rm -rf "$run"
    verdict "a run of $length min in $((SECONDS - begin)) s" "$before"
}
