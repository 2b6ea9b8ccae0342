# shellcheck shell=bash disable=SC2034,SC2154 # shared variables: the scripts that source this read and set them
# What launch/train, launch/cluster and launch/supervise share: their arguments, and a job of ranks from its start to
# its end. Sourced after lib.sh.

# Reads the command line; what is not for the scripts goes to "lockstep train" as it is.
#
# Sets workers (empty: not given), hosts, restarts, threads, program, and arguments, the words for the program; of
# these also configuration, run_folder (--output or --resume) and is_resume. Refuses options that the script does not
# name: parse_arguments "OPTION …" WORD…
parse_arguments() {
    local known=" $1 " word value number
    shift
    workers='' hosts='' restarts='' threads='' program='' configuration='' run_folder='' is_resume=''
    arguments=()
    while [ "$#" -gt 0 ]; do
        word="$1"
        shift
        case "$word" in
            -h | --help)
                usage
                exit 0
                ;;
            --workers=* | --hosts=* | --max-restarts=* | --threads=* | --program=* | --output=* | --resume=* | --set=*)
                value="${word#*=}"
                word="${word%%=*}"
                ;;
            --workers | --hosts | --max-restarts | --threads | --program | --output | --resume | --set)
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
            --set)
                arguments+=("$word" "$value")
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
                [ -r "$value" ] || fail 2 "$value cannot be read: copy launch/hosts.example and name your hosts in it"
                hosts="$value"
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
    if [ -z "$program" ]; then
        install_packages
        find_swift
        build --product lockstep
        program="$root/.build/release/lockstep"
    fi
    prepare_environment
    command -v perl >/dev/null || fail 2 "perl is missing: install it, apt-get install perl-base"
    folder="$(mktemp -d)"
}

# Asks the program what it would train, which also refuses a bad request with its own words: sets run_folder,
# run_threads (0: as many as there are) and run_coordinator.
ask_program() {
    local answer status=0
    run_threads="${threads:-1}"
    run_coordinator=dedicated
    if [ -z "$configuration" ] && [ -z "$is_resume" ]; then
        # The sample task draws its images only once it begins.
        if [ -z "$run_folder" ]; then
            run_folder=runs/sample
            arguments+=(--output "$run_folder")
        fi
        return
    fi
    answer="$("$program" train "${arguments[@]}" --dry-run --json 2>"$folder/dry")" || status=$?
    if [ "$status" -ne 0 ]; then
        grep '^error: ' "$folder/dry" >&2 || cat "$folder/dry" >&2
        exit "$status"
    fi
    run_folder="$(json_value run "$answer")"
    run_threads="$(json_value threads "$answer")"
    run_coordinator="$(json_value coordinator "$answer")"
}

# A value of the program's printed JSON, one key a line: json_value KEY TEXT
json_value() { sed -nE "s/^  \"$1\" : \"?(.*[^\",])\"?,?\$/\1/p" <<<"$2" | sed 's/\\\(.\)/\1/g'; }

# Runs a command as ranks: run_ranks [MPIRUN OPTION]… COMMAND…; returns its exit status, where all that is none of the
# program's is 1. Sets error to what a rank said of it, and cause and lost to what mpirun knows; all may be empty.
#
# The ranks are out of the terminal's reach: the first Ctrl-C (or SIGTERM, SIGHUP) becomes SIGUSR1, on which they save
# a checkpoint and end with status 75; the second ends them at once.
run_ranks() {
    local options=() columns status=0 relay pipe open
    unset LOCKSTEP_TERMINAL
    if [ -t 2 ]; then
        # Ranks write to mpirun's pipe and cannot see the terminal.
        columns="$(stty size <&2 2>/dev/null | cut -d ' ' -f 2 || true)"
        case "$columns" in '' | 0) columns=80 ;; esac
        export LOCKSTEP_TERMINAL="$columns"
        options+=(-x LOCKSTEP_TERMINAL)
    fi

    : >"$folder/verdict"
    rm -f "$folder/errors"
    mkfifo "$folder/errors"
    # Held open at both ends, so that nobody waits for the other to come.
    exec {pipe}<>"$folder/errors"
    setsid "$root/launch/relay" "$folder/verdict" <"$folder/errors" {pipe}>&- &
    relay=$!
    signals=0
    interrupted=0
    job=
    trap 'on_signal' INT TERM HUP USR1
    setsid mpirun ${options[@]+"${options[@]}"} "$@" </dev/null 2>"$folder/errors" {pipe}>&- &
    job=$!
    # What came before there was anybody to tell.
    [ "$signals" -eq 0 ] || kill -USR1 "$job" 2>/dev/null || true
    wait_for "$job" || status=$?
    kill -0 "$relay" 2>/dev/null && printf '\0end\0' >&"$pipe"
    exec {pipe}>&-
    wait_for "$relay" || true
    trap - INT TERM HUP USR1

    error="$(sed -n 's/^error=//p' "$folder/verdict")"
    open="$(sed -n 's/^open=//p' "$folder/verdict")"
    lost="$(sed -n 's/^lost=//p' "$folder/verdict")"
    cause="$(sed -n 's/^cause=//p' "$folder/verdict")"
    [ "${open:-0}" -eq 0 ] || if [ -t 2 ]; then printf '\r\033[K' >&2; else echo >&2; fi
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
        wait "$1" || status=$?
        [ "$interrupted" -ne 0 ] || return "$status"
    done
}

# Says what ended a job that failed, unless the job has said so or was told to end: explain_end STATUS
explain_end() {
    [ "$1" -eq 1 ] && [ -z "$error" ] && [ "$signals" -lt 2 ] || return 0
    printf 'error: %s: go on with --resume %s\n' "${cause:-mpirun ended and did not say why}" "${run_folder:-RUN_DIR}" >&2
}

# Passes a signal on to the job of run_ranks.
on_signal() {
    interrupted=1
    signals=$((signals + 1))
    [ -n "$job" ] || return 0
    case "$signals" in
        1)
            echo "stopping after a checkpoint; once more stops at once" >&2
            kill -USR1 "$job" 2>/dev/null || true
            ;;
        2) kill -TERM "$job" 2>/dev/null || true ;;
        *) kill -KILL "$job" 2>/dev/null || true ;;
    esac
}

# The cores that this shell may use: what Open MPI counts as slots.
count_cores() {
    local cores processors
    processors="$(nproc)"
    cores="$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l || true)"
    if [ "${cores:-0}" -gt 0 ] && [ "$cores" -lt "$processors" ]; then echo "$cores"; else echo "$processors"; fi
}

# The mpirun options of so many ranks on this machine, into options.
local_options() {
    options=(--bind-to none -np "$1")
    [ "$1" -le "$(count_cores)" ] || options+=(--oversubscribe)
}
