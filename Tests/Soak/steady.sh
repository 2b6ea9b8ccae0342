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

soak_steady() {
    local begin=$SECONDS before length="${minutes:-60}" run="$folder/place/steady" pause status=0 words repeat
    before="$(count_findings)"
    repeat="launch/soak steady --minutes $length"
    pause=$((length * 60 / 60))
    : >"$folder/samples"
    cd "$folder/place" || return
    on_ranks 3 "$program" train task.yaml --output "$run" --set training.minutes="$length" --set model.base_channels=16 \
        --set model.depth=2 --set data.tile=92 --set checkpoint.every=50 --set validation.every=100 \
        --set training.steps=null >"$folder/output" 2>&1 </dev/null &
    child=$!
    while kill -0 "$child" 2>/dev/null; do
        sleep "$pause"
        [ "$(sample_ranks "$run" | wc -l)" -ne 3 ] || sample_ranks "$run" >>"$folder/samples"
    done
    wait "$child" || status=$?
    child=
    [ "$status" -eq 0 ] || finding "the run ended with $status: $(tail -n 1 "$folder/output")" "$repeat"
    # The first sixth is the beginning: caches fill, buffers grow to their size.
    while IFS= read -r words; do
        finding "$words" "$repeat"
    done < <(awk '
        { n[$1]++; memory[$1, n[$1]] = $2; files[$1, n[$1]] = $3; threads[$1, n[$1]] = $4 }
        END {
            for (rank in n) {
                first = int(n[rank] / 6) + 1
                least = most = memory[rank, first]
                for (i = first; i <= n[rank]; i++) {
                    if (memory[rank, i] < least) least = memory[rank, i]
                    if (memory[rank, i] > most) most = memory[rank, i]
                    if (files[rank, i] > fileMost[rank]) fileMost[rank] = files[rank, i]
                    if (threads[rank, i] > threadMost[rank]) threadMost[rank] = threads[rank, i]
                }
                half = int((first + n[rank]) / 2)
                for (i = first; i <= half; i++) {
                    if (files[rank, i] > fileFirst[rank]) fileFirst[rank] = files[rank, i]
                    if (threads[rank, i] > threadFirst[rank]) threadFirst[rank] = threads[rank, i]
                }
                if (most > 1.02 * least) printf "rank %d: memory between %d and %d kB\n", rank, least, most
                if (fileMost[rank] > fileFirst[rank]) printf "rank %d: descriptors grew from %d to %d\n", rank, fileFirst[rank], fileMost[rank]
                if (threadMost[rank] > threadFirst[rank]) printf "rank %d: threads grew from %d to %d\n", rank, threadFirst[rank], threadMost[rank]
                printf "rank %d: %d samples, memory %d to %d kB, at most %d descriptors and %d threads\n", rank, n[rank], least, most, fileMost[rank], threadMost[rank] > "/dev/stderr"
            }
        }' "$folder/samples")
    # The median of a step in the second and in the last sixth.
    grep '"event":"train"' "$run/metrics.jsonl" | grep -o '"seconds":[0-9.e-]*' | cut -d : -f 2 >"$folder/times"
    read -r first last < <(awk '{ time[NR] = $1 } END { print int(NR / 6), NR }' "$folder/times" | while read -r sixth all; do
        echo "$(sed -n "$((sixth + 1)),$((2 * sixth))p" "$folder/times" | sort -g | sed -n "$((sixth / 2))p")" \
            "$(sed -n "$((all - sixth + 1)),${all}p" "$folder/times" | sort -g | sed -n "$((sixth / 2))p")"
    done) || true
    echo "a step takes $first s at first and $last s at the end (medians of sixths; $(wc -l <"$folder/times") steps)"
    awk -v a="$first" -v b="$last" 'BEGIN { exit !(a > 0 && b <= 1.05 * a) }' ||
        finding "a step's median time went from $first to $last s" "$repeat"
    rm -rf "$run"
    verdict "a run of $length min in $((SECONDS - begin)) s" "$before"
}
