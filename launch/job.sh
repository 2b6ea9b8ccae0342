# shellcheck shell=bash disable=SC2034,SC2154 # shared variables: the scripts that source this read and set them
# What launch/train, launch/cluster and launch/supervise share: their arguments, and a job of ranks from its start to
# its end. Sourced after lib.sh.

# Reads the command line; what is not for the scripts goes to "lockstep train" as it is.
#
# Sets workers (empty: not given), hosts, standby, restarts, threads, program, and arguments, the words for the program; of
# these also configuration, run_folder (--output or --resume) and is_resume. Refuses options that the script does not
# name: parse_arguments "OPTION …" WORD…
parse_arguments() {
    local known=" $1 " word value number
    shift
    workers='' hosts='' standby='' restarts='' threads='' program='' configuration='' run_folder='' is_resume=''
    arguments=()
    while [ "$#" -gt 0 ]; do
        word="$1"
        shift
        case "$word" in
            -h | --help)
                usage
                exit 0
                ;;
            --workers=* | --hosts=* | --standby=* | --max-restarts=* | --threads=* | --program=* | --output=* | --resume=* | --set=* | --until=* | --preview=*)
                value="${word#*=}"
                word="${word%%=*}"
                ;;
            --workers | --hosts | --standby | --max-restarts | --threads | --program | --output | --resume | --set | --until | --preview)
                [ "$#" -gt 0 ] || fail 2 "$word needs a value: see $0 --help"
                value="$1"
                shift
                ;;
            -*)
                arguments+=("$word")
                continue
                ;;
            *)
                configuration="$word"
                arguments+=("$word")
                continue
                ;;
        esac
        case "$word" in
            --output | --resume)
                run_folder="$value"
                [ "$word" = --output ] || is_resume=1
                arguments+=("$word" "$value")
                continue
                ;;
            --set | --until | --preview)
                arguments+=("$word" "$value")
                # As --threads says it; auto leaves the choice.
                [[ ! "$value" =~ ^run\.threads=([1-9][0-9]*)$ ]] || threads="${BASH_REMATCH[1]}"
                continue
                ;;
        esac
        [[ "$known" == *" $word "* ]] || fail 2 "$word is no option of $0: see $0 --help"
        number='^[1-9][0-9]{0,2}$'
        case "$word" in
            --workers)
                [[ "$value" =~ $number ]] || fail 2 "--workers $value: give a whole number from 1 to 999"
                workers="$value"
                ;;
            --threads)
                [[ "$value" =~ $number ]] || fail 2 "--threads $value: give a whole number from 1 to 999"
                threads="$value"
                arguments+=(--set "run.threads=$value")
                ;;
            --max-restarts)
                [[ "$value" =~ ^[0-9]{1,4}$ ]] || fail 2 "--max-restarts $value: give a whole number from 0 to 9999"
                restarts="$value"
                ;;
            --hosts)
                if [ ! -r "$value" ] || [ -d "$value" ]; then
                    fail 2 "$value cannot be read: copy launch/hosts.example and name your hosts in it"
                fi
                hosts="$value"
                ;;
            --standby)
                [[ "$value" =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*$ ]] || fail 2 "--standby $value: give a host's name"
                standby="$value"
                ;;
            --program)
                program="$(command -v "$value" || true)"
                [ -x "$program" ] || fail 2 "--program $value: there is no such program"
                program="$(cd "$(dirname "$program")" && pwd)/$(basename "$program")"
                ;;
        esac
    done
}

# Makes the program, unless --program names one that is there.
prepare() {
    if [ -z "$program" ] && [ -x "$root/bin/lockstep" ]; then
        # An archive's or an installed copy, which has all but Open MPI.
        packages=(openmpi-bin)
        install_packages
        program="$root/bin/lockstep"
    elif [ -z "$program" ]; then
        install_packages
        find_swift
        build --product lockstep
        program="$root/.build/release/lockstep"
    fi
    prepare_environment
    command -v perl >/dev/null || fail 2 "perl is missing: install it, apt-get install perl-base"
    # Those of scripts that were killed, with all that could have tidied up.
    local old pid
    for old in "${TMPDIR:-/tmp}"/lockstep-launch-*; do
        pid="${old##*lockstep-launch-}"
        [ ! -O "$old" ] || kill -0 "${pid%%.*}" 2>/dev/null || rm -rf "$old"
    done
    folder="$(mktemp -d -t "lockstep-launch-$$.XXXXXX")"
}

# Chooses what of workers and threads was not given, for hosts of such cores: choose_layout CORES,…
#
# Sets host_workers (of each host), ranks, run_threads, and layout, the words that tell the program.
choose_layout() {
    local answer status=0 asked=() number spoken="${layout_words:-}"
    for ((number = 0; number < ${#arguments[@]}; number++)); do
        case "${arguments[number]}" in
            --set | --resume)
                asked+=("${arguments[number]}" "${arguments[number + 1]}")
                number=$((number + 1))
                ;;
            --output | --until | --preview) number=$((number + 1)) ;;
            -*) ;;
            *) asked+=("${arguments[number]}") ;;
        esac
    done
    [ -z "$workers" ] || asked+=(--workers "$workers")
    [ -z "$threads" ] || asked+=(--threads "$threads")
    answer="$("$program" layout ${asked[@]+"${asked[@]}"} --cores "$1" --json 2>"$folder/layout")" || status=$?
    if [ "$status" -ne 0 ]; then
        grep '^error: ' "$folder/layout" >&2 || cat "$folder/layout" >&2 || true
        exit "$status"
    fi
    [[ "${answer//[[:space:]]/}" =~ \"workers_of_hosts\":\[([0-9,]+)\] ]] || fail 1 "$program layout does not answer: build it anew"
    IFS=, read -r -a host_workers <<<"${BASH_REMATCH[1]}"
    ranks="$(json_value ranks "$answer")"
    run_threads="$(json_value threads "$answer")"
    layout=(--set "run.threads=$run_threads")
    layout_words="$(json_value words "$answer")"
    [ "$layout_words" = "$spoken" ] || say "$layout_words (--workers and --threads choose otherwise)"
}

# Asks the program what it would train, which also refuses a bad request with its own words: sets run_folder,
# run_coordinator and fault_timeout (whole seconds).
ask_program() {
    local answer status=0 asked=() number
    run_coordinator=dedicated
    fault_timeout=30
    if [ -z "$configuration" ] && [ -z "$is_resume" ]; then
        # The sample task draws its images only once it begins.
        if [ -z "$run_folder" ]; then
            run_folder=runs/sample
            arguments+=(--output "$run_folder")
        fi
        return
    fi
    # A dry run draws no pictures.
    for ((number = 0; number < ${#arguments[@]}; number++)); do
        if [ "${arguments[number]}" = --preview ]; then number=$((number + 1)); else asked+=("${arguments[number]}"); fi
    done
    answer="$("$program" train "${asked[@]}" --dry-run --json 2>"$folder/dry")" || status=$?
    if [ "$status" -ne 0 ]; then
        grep '^error: ' "$folder/dry" >&2 || cat "$folder/dry" >&2 || true
        exit "$status"
    fi
    run_folder="$(json_value run "$answer")"
    run_coordinator="$(json_value coordinator "$answer")"
    fault_timeout="$(json_value fault_timeout "$answer")"
    fault_timeout="${fault_timeout%.*}"
}

# A value of the program's printed JSON, one key a line: json_value KEY TEXT
json_value() { sed -nE "s/^  \"$1\" : \"?(.*[^\",])\"?,?\$/\1/p" <<<"$2" | sed 's/\\\(.\)/\1/g'; }

# Runs a command as ranks: run_ranks [MPIRUN OPTION]… COMMAND…; returns its exit status, where all that is none of the
# program's is 1. Sets error to what a rank said of it, and cause and lost to what mpirun knows; all may be empty.
#
# The ranks are out of the terminal's reach: a signal becomes SIGUSR1, on which they save a checkpoint and end with
# status 75; the second Ctrl-C or SIGTERM ends them at once. Where this script is killed, the relay sends the SIGUSR1.
run_ranks() {
    local options=() columns status=0 relay pipe open stopped spoken name end
    unset LOCKSTEP_TERMINAL
    if [ -t 2 ]; then
        # Ranks write to mpirun's pipe and cannot see the terminal.
        columns="$(stty size <&2 2>/dev/null | cut -d ' ' -f 2 || true)"
        case "$columns" in '' | 0) columns=80 ;; esac
        export LOCKSTEP_TERMINAL="$columns"
        options+=(-x LOCKSTEP_TERMINAL)
    fi
    # Of the environment, mpirun takes its own variables alone to other machines.
    local name
    for name in LOCKSTEP_MEMORY_MB LOCKSTEP_MAX_PIXELS; do
        [ -z "${!name:-}" ] || options+=(-x "$name")
    done

    : >"$folder/verdict"
    rm -f "$folder/errors"
    mkfifo "$folder/errors"
    # Held open at both ends, so that nobody waits for the other to come.
    exec {pipe}<>"$folder/errors"
    signals=0
    presses=0
    interrupted=0
    job=
    asking=
    for name in INT TERM QUIT HUP USR1 USR2 XCPU; do
        # shellcheck disable=SC2064 # the name of now
        trap "on_signal $name" "$name"
    done
    setsid "$root/launch/relay" "$folder/verdict" "$$" <"$folder/errors" {pipe}>&- &
    relay=$!
    # The first thing that the relay hears is which process is mpirun's.
    # shellcheck disable=SC2016 # the inner shell's words
    setsid sh -c 'printf "\0job %d\0" "$$" >&2; exec "$@"' sh mpirun ${options[@]+"${options[@]}"} "$@" \
        </dev/null 2>"$folder/errors" {pipe}>&- &
    job=$!
    echo "$job" >"$folder/job"
    # What came before there was anybody to tell.
    [ "$signals" -eq 0 ] || ask_to_stop
    wait_for "$job" || status=$?
    # The ranks of an mpirun that was killed save a checkpoint, and nobody may start before they are gone.
    while [ "$status" -ge 128 ] && [ -n "$(session "$job")" ]; do sleep 0.2; done
    rm -f "$folder/job"
    [ -z "$asking" ] || kill "$asking" 2>/dev/null || true
    if kill -0 "$relay" 2>/dev/null; then printf '\0end\0' >&"$pipe"; fi
    exec {pipe}>&-
    wait_for "$relay" || true
    trap - INT TERM QUIT HUP USR1 USR2 XCPU

    error="$(sed -n 's/^error=//p' "$folder/verdict")"
    open="$(sed -n 's/^open=//p' "$folder/verdict")"
    lost="$(sed -n 's/^lost=//p' "$folder/verdict")"
    cause="$(sed -n 's/^cause=//p' "$folder/verdict")"
    stopped="$(sed -n 's/^stopped=//p' "$folder/verdict")"
    spoken="$(sed -n 's/^spoken=//p' "$folder/verdict")"
    # Takes an unfinished progress line away, or ends it where it has to stay.
    if [ "${open:-0}" -ne 0 ]; then
        end='\n'
        [ ! -t 2 ] || end='\r\033[K'
        printf '%b' "$end" >&2 2>/dev/null || true
    fi
    # Before the ranks listen, the signal ends them, or mpirun, which may even call that a success.
    [ "$signals" -eq 0 ] || [ "${spoken:-0}" -ne 0 ] || stop_between
    # mpirun has a status of its own where it was told itself to end, however its ranks have ended.
    [ "$status" -eq 0 ] || [ "${stopped:-0}" -eq 0 ] || status=75
    case "$status" in 137) cause="${cause:-mpirun was killed}" ;; esac
    case "$status" in 0 | 1 | 2 | 75) ;; *) status=1 ;; esac
    return "$status"
}

# Waits for a child to its end. A signal ends the shell's wait early, with a status of its own; the shell remembers the
# child's for the next one.
wait_for() {
    local status
    while :; do
        interrupted=0
        status=0
        # The shell's own words on a process that was killed are left out.
        wait "$1" 2>/dev/null || status=$?
        [ "$interrupted" -ne 0 ] || return "$status"
    done
}

# The living processes of a session on this machine: session LEADER
session() {
    # Of a process's numbers, behind its name, the fourth is the session. Processes end while awk looks.
    awk -v session="$1" '{ number = $1; sub(/^.*\) /, ""); if ($4 == session && $1 != "Z") print number }' \
        /proc/[0-9]*/stat 2>/dev/null || true
}

# Says what ended a job that failed, unless the job has said so or was told to end: explain_end STATUS
explain_end() {
    [ "$1" -eq 1 ] && [ -z "$error" ] && [ "$presses" -lt 2 ] || return 0
    say "error: ${cause:-mpirun ended and did not say why}: go on with --resume ${run_folder:-RUN_DIR}"
}

# Passes a signal on to the job of run_ranks: on_signal NAME. A terminal that closes may send more than one SIGHUP, and a
# scheduler more than one SIGUSR1: only Ctrl-C and SIGTERM are meant when they come twice.
on_signal() {
    interrupted=1
    signals=$((signals + 1))
    case "$1" in INT | TERM) presses=$((presses + 1)) ;; esac
    [ -n "$job" ] || return 0
    if [ "$presses" -lt 2 ]; then
        ask_to_stop
        [ "$signals" -gt 1 ] || say "stopping after a checkpoint; once more stops at once"
    elif [ "$presses" -eq 2 ]; then
        kill -TERM "$job" 2>/dev/null || true
    else
        # shellcheck disable=SC2046 # one word each
        kill -KILL "$job" $(session "$job") 2>/dev/null || true
    fi
}

# Asks the ranks of run_ranks to save and stop, again and again until they have: mpirun is ended by what comes before it
# listens, and passes nothing on before its ranks are there.
ask_to_stop() {
    [ -z "$asking" ] || return 0
    while kill -0 "$job" && kill -0 "$$"; do
        ! listens "$job" || kill -USR1 "$job" || true
        sleep 0.5
    done >/dev/null 2>&1 </dev/null &
    asking=$!
}

# Whether a process has a handler for SIGUSR1: listens PROCESS
listens() {
    local caught
    caught="$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)" || return 1
    [ -n "$caught" ] && [ $((0x${caught: -3} & 0x200)) -ne 0 ]
}

# The end after a signal while no rank was at work.
stop_between() {
    [ -e "$run_folder/config.yaml" ] || fail 1 "stopped before the run had begun: start again"
    say "stopped between two starts: go on with --resume $run_folder"
    exit 75
}

# The cores that this shell may use: what Open MPI counts as slots.
count_cores() {
    local cores processors
    processors="$(nproc)"
    cores="$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l || true)"
    if [ "${cores:-0}" -gt 0 ] && [ "$cores" -lt "$processors" ]; then echo "$cores"; else echo "$processors"; fi
}

# The same, and their sockets where there are several alike: 8, or 2x32.
describe_cores() {
    local cores sockets
    cores="$(count_cores)"
    sockets="$(lscpu -p=SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l || true)"
    if [ "${sockets:-0}" -gt 1 ] && [ "$(nproc)" -eq "$(nproc --all)" ] && [ $((cores % sockets)) -eq 0 ]; then
        echo "${sockets}x$((cores / sockets))"
    else
        echo "$cores"
    fi
}

# The mpirun options of so many ranks on this machine, into options.
local_options() {
    options=(--bind-to none -np "$1")
    [ "$1" -le "$(count_cores)" ] || options+=(--oversubscribe)
}
