# shellcheck shell=bash disable=SC2034,SC2154 # shared variables: the scripts that source this read and set them
# Several machines: the hosts of an Open MPI hostfile, whether each can take part, and which rank goes where.
# Sourced after job.sh.

# How commands reach a host, as for Open MPI: words, then the host and the command. A machine that vanishes is given up.
export LOCKSTEP_RSH="${LOCKSTEP_RSH:-ssh -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=10 -o ServerAliveCountMax=2}"

# Reads a hostfile into host_names and host_slots (empty: not said).
read_hosts() {
    local file="$1" line number=0 name slots word words
    host_names=()
    host_slots=()
    while read -r line || [ -n "$line" ]; do
        number=$((number + 1))
        read -r -a words <<<"${line%%#*}" || true
        [ "${#words[@]}" -gt 0 ] || continue
        name="${words[0]}"
        slots=
        [[ "$name" =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] ||
            fail 2 "$file line $number: $name is no host's name: write lines such as node1 slots=4"
        for word in "${words[@]:1}"; do
            [[ "$word" =~ ^slots=([1-9][0-9]{0,2})$ ]] ||
                fail 2 "$file line $number: $word: write a host and its workers, such as $name slots=4"
            slots="${BASH_REMATCH[1]}"
        done
        [[ " ${host_names[*]-} " != *" $name "* ]] || fail 2 "$file line $number: $name is there twice: add up its slots"
        host_names+=("$name")
        host_slots+=("$slots")
    done <"$file"
    [ "${#host_names[@]}" -gt 0 ] || fail 2 "$file names no host: write lines such as node1 slots=4"
}

is_here() {
    local here
    here="$(hostname)"
    [ "$1" = "$here" ] || [ "$1" = "${here%%.*}" ] || [ "$1" = localhost ]
}

# Runs a command line on a host: on_host HOST LINE. With a limit of time, for a host that takes the call and then hangs.
on_host() {
    if is_here "$1"; then
        timeout 20 sh -c "$2"
    else
        # shellcheck disable=SC2086
        timeout 20 $LOCKSTEP_RSH "$1" "$2"
    fi
}

# Asks all hosts at once whether the program works there as it does here; fills host_problems (empty: none), host_cores
# and host_sockets (8, or 2x32).
check_hosts() {
    local line number name answer own checks=() status
    own="$("$program" --version)" || fail 1 "$program does not work here, see above"
    printf -v line 'cd %q || exit 81; command -v orted >/dev/null || exit 82; [ -x %q ] || exit 83; %q --version || exit 84; %s; describe_cores' \
        "$PWD" "$program" "$program" "$(declare -f count_cores describe_cores)"
    for number in "${!host_names[@]}"; do
        on_host "${host_names[number]}" "$line" </dev/null >"$folder/host-$number" 2>"$folder/host-$number.err" &
        checks[number]=$!
    done
    host_problems=()
    host_cores=()
    host_sockets=()
    for number in "${!host_names[@]}"; do
        status=0
        wait "${checks[number]}" || status=$?
        name="${host_names[number]}"
        answer="$(cat "$folder/host-$number")"
        host_sockets[number]="${answer##*$'\n'}"
        [[ "${host_sockets[number]}" =~ ^[0-9]+(x[0-9]+)?$ ]] || host_sockets[number]=1
        host_cores[number]=$((${host_sockets[number]/x/ * }))
        answer="${answer%$'\n'*}"
        case "$status" in
            0)
                host_problems[number]=
                [ "$answer" = "$own" ] ||
                    host_problems[number]="$name has another build of $program ($(difference "$own" "$answer")): build it for all hosts alike, with LOCKSTEP_MARCH=x86-64-v3 where they differ"
                ;;
            81) host_problems[number]="$name has no folder $PWD: the working folder must have the same path on every host, as on a shared file system" ;;
            82) host_problems[number]="$name has no Open MPI that a remote shell finds: install openmpi-bin there" ;;
            83) host_problems[number]="$name has no $program: the program must have the same path on every host, as on a shared file system" ;;
            84) host_problems[number]="$name cannot run $program ($(last_line "$folder/host-$number.err")): build it for all hosts alike, with LOCKSTEP_MARCH=x86-64-v3" ;;
            124) host_problems[number]="$name does not answer within 20 s: look at the machine, or leave it out of the hosts" ;;
            *) host_problems[number]="$name cannot be reached ($(last_line "$folder/host-$number.err")): \"${LOCKSTEP_RSH%% *} $name true\" must work without a password" ;;
        esac
    done
}

last_line() { { grep . "$1" || echo "no word why"; } | tail -n 1 | tr -d '\r' | sed 's/^error: //'; }

# The first line in which two texts differ: difference HERE THERE
difference() {
    local here there
    here="$(grep -vxF -- "$2" <<<"$1" | head -n 1)"
    there="$(grep -vxF -- "$1" <<<"$2" | head -n 1)"
    echo "here ${here:-nothing}, there ${there:-nothing}"
}

# Ends the script with the first host that cannot take part.
refuse_bad_hosts() {
    local problem
    for problem in "${host_problems[@]}"; do
        [ -z "$problem" ] || fail 2 "$problem"
    done
}

# Leaves out the hosts that cannot take part, with a line each.
drop_bad_hosts() {
    local number names=() slots=() cores=() sockets=()
    for number in "${!host_names[@]}"; do
        if [ -n "${host_problems[number]}" ]; then
            say "going on without ${host_names[number]}: ${host_problems[number]}"
            continue
        fi
        names+=("${host_names[number]}")
        slots+=("${host_slots[number]}")
        cores+=("${host_cores[number]}")
        sockets+=("${host_sockets[number]}")
    done
    host_names=(${names[@]+"${names[@]}"})
    host_slots=(${slots[@]+"${slots[@]}"})
    host_cores=(${cores[@]+"${cores[@]}"})
    host_sockets=(${sockets[@]+"${sockets[@]}"})
}

# Puts workers and threads on the hosts: those given, or what the program chooses for their cores. A host's slots are the
# cores that may be used, or with threads that were given the workers; if left out, all cores.
place_on_hosts() {
    local number all='' own room=0 given="$workers"
    for number in "${!host_names[@]}"; do
        own="${host_slots[number]}"
        if [ -z "$own" ]; then
            own="${host_sockets[number]}"
        elif [ -n "$threads" ]; then
            own=$((own * threads))
        fi
        all+="${all:+,}$own"
        own=$((${own/x/ * } / ${threads:-1}))
        room=$((room + (own > 0 ? own : 1)))
    done
    # Of those asked for, as many as the hosts that are left have room for.
    [ -z "$workers" ] || [ "$workers" -le "$room" ] || workers="$room"
    choose_layout "$all"
    workers="$given"
    host_slots=("${host_workers[@]}")
}

# The mpirun options of a job on the hosts, each with as many workers as it has slots, into options; the number of
# workers into workers_here. Needs run_threads and run_coordinator.
#
# A worker is bound to as many cores as it has threads. The coordinator, rank 0 on the first host, may run on all of
# that host's cores: it sleeps, and takes none from a worker. Where a host's cores are too few, or the program shares
# them out itself, nothing is bound there.
cluster_options() {
    local number slot first each socket all rank=0 name extra ranks_file="$folder/ranks" hosts_file="$folder/hosts"
    workers_here=0
    : >"$ranks_file"
    : >"$hosts_file"
    for number in "${!host_names[@]}"; do
        name="${host_names[number]}"
        all="0-$((host_cores[number] - 1))"
        # Whole workers of a socket, where it has room for one.
        socket=$((${host_sockets[number]#*x}))
        each=$((socket / run_threads))
        extra=0
        if [ "$rank" -eq 0 ] && [ "$run_coordinator" = dedicated ]; then
            echo "rank 0=$name slot=$all" >>"$ranks_file"
            rank=1
            extra=1
        fi
        for ((slot = 0; slot < host_slots[number]; slot++)); do
            first=$((slot * run_threads))
            [ "$each" -eq 0 ] || first=$(((slot / each) * socket + (slot % each) * run_threads))
            if [ $((host_slots[number] * run_threads)) -gt "${host_cores[number]}" ]; then
                echo "rank $rank=$name slot=$all" >>"$ranks_file"
            else
                echo "rank $rank=$name slot=$first-$((first + run_threads - 1))" >>"$ranks_file"
            fi
            rank=$((rank + 1))
            workers_here=$((workers_here + 1))
        done
        [ $((slot + extra)) -eq 0 ] || echo "$name slots=$((slot + extra))" >>"$hosts_file"
    done
    # A host that vanishes says nothing: mpirun asks after 10 s of silence, and gives up 15 s later.
    export OMPI_MCA_oob_tcp_keepalive_time="${OMPI_MCA_oob_tcp_keepalive_time:-10}"
    export OMPI_MCA_oob_tcp_keepalive_intvl="${OMPI_MCA_oob_tcp_keepalive_intvl:-5}"
    export OMPI_MCA_oob_tcp_keepalive_probes="${OMPI_MCA_oob_tcp_keepalive_probes:-3}"
    options=(--hostfile "$hosts_file" --rankfile "$ranks_file" -np "$rank" --mca plm_rsh_agent "$LOCKSTEP_RSH")
    # Open MPI hands on its own variables (OMPI_MCA_…) and the working folder.
    for name in PATH LD_LIBRARY_PATH $(compgen -e | grep -E '^(LOCKSTEP|OPENBLAS)_' | grep -v '^LOCKSTEP_TERMINAL$'); do
        [ -z "${!name:-}" ] || options+=(-x "$name")
    done
}
