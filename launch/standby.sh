# shellcheck shell=bash disable=SC2154 # shared variables: launch/supervise reads and sets them
# Two supervisors of one run: one works, the other stands by on another host and goes on when the first is lost.
# Sourced after hosts.sh.
#
# Each has a turn, a numbered file in the run's folder "supervisors", which no two can make. Who has the newest works, and says
# so in its file every two seconds for as long as it reaches any other host. One that reaches none falls silent, and ends
# its job before the other may begin; it goes on only if nobody has come in its place.

# What the one that stands by needs to know, from the one that starts it: host, coordinator, seconds, folder.
stands_by="${LOCKSTEP_STANDS_BY:-}"
unset LOCKSTEP_STANDS_BY
turn=0
leases=

newest_turn() {
    local file newest=0
    for file in "$leases"/[1-9]*; do
        file="${file##*/}"
        [[ ! "$file" =~ ^[0-9]+$ ]] || [ "$file" -le "$newest" ] || newest="$file"
    done
    echo "$newest"
}

# Takes a turn, which fails where another has it: take_turn N
take_turn() {
    (set -o noclobber && echo "$(hostname) $$ 0" >"$leases/$1") 2>/dev/null || return 1
    turn="$1"
    trap 'leave_turn; tidy' EXIT
}

# Nobody needs to go on with what has ended.
leave_turn() {
    [ "$turn" -eq 0 ] || [ "$(newest_turn)" -ne "$turn" ] || rm -rf "$leases"
}

# Starts the one that stands by: start_standby HOST WORD…
start_standby() {
    local host="$1" line words name last seen tries
    shift
    mkdir -p "$leases" || fail 1 "$leases cannot be made, for the machine that stands by"
    last="$(newest_turn)"
    if [ "$last" -gt 0 ]; then
        # An earlier supervisor's, which was killed with all that stood by; or one that is at work.
        seen="$(cat "$leases/$last" 2>/dev/null || true)"
        sleep 5
        [ "$seen" = "$(cat "$leases/$last" 2>/dev/null || true)" ] ||
            fail 2 "${seen%% *} supervises $run_folder: stop that first"
    fi
    rm -f "$leases/standby"
    take_turn $((last + 1)) || fail 1 "$leases: another supervisor has just begun with this run"
    printf -v words '%q ' "$root/launch/supervise" "$@" --program "$program"
    line="cd $(printf '%q' "$PWD") && test -x $(printf '%q' "$root/launch/supervise") || exit 81;"
    for name in PATH LD_LIBRARY_PATH $(compgen -e | grep -E '^(LOCKSTEP|OPENBLAS|OMPI)_' | grep -v '^LOCKSTEP_TERMINAL$'); do
        [ -z "${!name:-}" ] || line+=" export $name=$(printf '%q' "${!name}");"
    done
    line+=" LOCKSTEP_STANDS_BY=$(printf '%q' "$(hostname) $run_coordinator $fault_timeout $run_folder")"
    line+=" setsid nohup $words >>$(printf '%q' "$run_folder/standby.log") 2>&1 </dev/null &"
    on_host "$host" "$line" >"$folder/standby" 2>&1 ||
        fail 2 "$host cannot stand by ($(last_line "$folder/standby")): it needs $root/launch/supervise and $PWD at the same paths"
    for ((tries = 0; tries < 100; tries++)); do
        [ ! -e "$leases/standby" ] || break
        sleep 0.2
    done
    [ -e "$leases/standby" ] ||
        fail 1 "$host does not stand by ($(last_line "$run_folder/standby.log")): look at $run_folder/standby.log"
    keep_turn "$host" >/dev/null 2>&1 </dev/null &
}

# Whether any other host of the file answers, the one that stands by first: is_connected HOST
is_connected() {
    local name others=()
    if [ -n "$1" ] && on_host "$1" true </dev/null >/dev/null 2>&1; then return 0; fi
    for name in "${host_names[@]}"; do
        is_here "$name" || [ "$name" = "$1" ] || others+=("$name")
    done
    for name in ${others[@]+"${others[@]:0:8}"}; do
        if on_host "$name" true </dev/null >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# Says that this supervisor is there, and ends the job where it may not go on. Runs beside everything: keep_turn HOST
#
# The folder's file "replaced" says that another has taken over, "isolated" that no host is reached, and "alone" that the
# job goes on nevertheless.
keep_turn() {
    local beats=0 seconds=0 silent='' job
    while sleep 2 && kill -0 "$$" 2>/dev/null; do
        job="$(cat "$folder/job" 2>/dev/null || true)"
        if [ "$(newest_turn)" -gt "$turn" ]; then
            touch "$folder/replaced"
            # shellcheck disable=SC2046 # one word each
            [ -z "$job" ] || kill -KILL $(session "$job") 2>/dev/null || true
            return
        fi
        seconds=$((seconds + 2))
        if [ "$seconds" -ge 4 ] || [ -n "$silent" ]; then
            seconds=0
            if is_connected "$1"; then
                silent=
                rm -f "$folder/isolated" "$folder/alone"
            elif [ -e "$folder/alone" ]; then
                silent=
            else
                silent="${silent:-$SECONDS}"
                touch "$folder/isolated"
            fi
        fi
        if [ -z "$silent" ]; then
            beats=$((beats + 1))
            [ ! -e "$leases/$turn" ] || echo "$(hostname) $$ $beats" >"$leases/$turn"
        elif [ -n "$job" ] && [ $((SECONDS - silent)) -ge $((fault_timeout / 2 + 8)) ]; then
            # shellcheck disable=SC2046 # one word each
            kill -KILL $(session "$job") 2>/dev/null || true
        elif [ -n "$job" ] && [ $((SECONDS - silent)) -ge $((fault_timeout / 2)) ]; then
            kill -USR1 "$job" 2>/dev/null || true
        fi
    done
}

# Whether this supervisor's job may start, or start again: waits where no host is reached, and ends the script where another
# has taken over.
await_turn() {
    local begin="$SECONDS" isSaid=
    [ "$turn" -gt 0 ] || return 0
    while :; do
        if [ -e "$folder/replaced" ] || [ "$(newest_turn)" -gt "$turn" ]; then
            fail 1 "this machine was cut off, and $(cut -d ' ' -f 1 "$leases/$(newest_turn)") goes on in its place: see $run_folder/standby.log"
        fi
        [ -e "$folder/isolated" ] || return 0
        [ -n "$isSaid" ] || say "no other machine is reached: waiting for one, or for the machine that stands by"
        isSaid=1
        # Nobody has come: the machine that stands by is lost too.
        if [ $((SECONDS - begin)) -ge $((4 * fault_timeout + 120)) ]; then
            touch "$folder/alone"
            rm -f "$folder/isolated"
            return 0
        fi
        sleep 1
    done
}

# Stands by until the supervisor that works is silent for longer than it needs to end its job, and takes its place; ends
# the script where the run has ended.
stand_by() {
    local other seen='' now last="$SECONDS"
    read -r other run_coordinator fault_timeout run_folder <<<"$stands_by"
    leases="$run_folder/supervisors"
    hostname >"$leases/standby"
    while sleep 1; do
        [ -d "$leases" ] || exit 0
        now="$(newest_turn) $(cat "$leases/$(newest_turn)" 2>/dev/null || true)"
        if [ "$now" != "$seen" ]; then
            seen="$now" last="$SECONDS"
        elif [ $((SECONDS - last)) -ge $((fault_timeout + 15)) ] && take_turn $(($(newest_turn) + 1)); then
            # shellcheck disable=SC2034 # launch/supervise says it
            cause="$other, which supervised, no longer answers"
            return
        fi
    done
}
