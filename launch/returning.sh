# shellcheck shell=bash disable=SC2154 # shared variables: launch/supervise reads and sets them
# Hosts that come back, or are new in the file of hosts, while a job runs without them. Sourced after hosts.sh.

# Looks after each checkpoint, and once a minute, for hosts of the file that take no part and could: names them in the
# folder's file "returned", and tells the job to save and stop. Runs beside the job: watch_hosts USED…
watch_hosts() {
    local checkpoint='' newest waited=0 job
    while sleep 2 && kill -0 "$$" 2>/dev/null; do
        waited=$((waited + 2))
        newest="$(readlink "$run_folder/checkpoints/latest" || true)"
        [ "$newest" != "$checkpoint" ] || [ "$waited" -ge 60 ] || continue
        checkpoint="$newest" waited=0
        (free_hosts "$@" >"$folder/returned.part") || continue
        [ -s "$folder/returned.part" ] || continue
        job="$(cat "$folder/job" || true)"
        [ -n "$job" ] || continue
        mv "$folder/returned.part" "$folder/returned"
        kill -USR1 "$job" || true
        return
    done
}

# The hosts of the file that could take part, but for those named, in one line: free_hosts USED…
free_hosts() {
    local number used=" $* " names=() slots=() found=()
    read_hosts "$hosts"
    for number in "${!host_names[@]}"; do
        if [[ "$used" != *" ${host_names[number]} "* ]]; then
            names+=("${host_names[number]}")
            slots+=("${host_slots[number]}")
        fi
    done
    [ "${#names[@]}" -gt 0 ] || return 0
    host_names=("${names[@]}")
    host_slots=("${slots[@]}")
    # The answers of the hosts that take part lie in the other one.
    folder="$folder/look"
    mkdir -p "$folder"
    check_hosts
    for number in "${!host_names[@]}"; do
        [ -n "${host_problems[number]}" ] || found+=("${host_names[number]}")
    done
    [ "${#found[@]}" -eq 0 ] || echo "${found[*]}"
}
