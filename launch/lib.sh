# shellcheck shell=bash
# What the scripts beside this file share. Sourced, not called.

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

# A reader that is gone (| head -1) must not end the script in the middle of something. Not ignored, or the commands
# that it starts would ignore it too.
trap : PIPE

# Says one line on standard error, whatever has become of it: nothing that matters may come after a message that fails.
# Words from outside, of hosts say, do not reach a terminal's controls: say LINE
say() { printf '%s\n' "${1//[[:cntrl:]]/?}" >&2 2>/dev/null || true; }

# Ends the script with one line on standard error: fail STATUS MESSAGE
fail() {
    say "error: $2"
    exit "$1"
}

# Runs a command without showing what it prints, unless it fails. A signal to the script ends the command too.
quietly() {
    local status=0
    log="${log:-$(mktemp)}"
    "$@" >"$log" 2>&1 </dev/null &
    child=$!
    trap 'exit 130' INT
    trap 'exit 143' TERM
    wait "$child" || status=$?
    trap - INT TERM
    child=
    [ "$status" -eq 0 ] || cat "$log" >&2 2>/dev/null || true
    rm -f "$log"
    log=
    return "$status"
}

# What is left when the script ends in the middle of something.
log=
child=
notice=
folder=
tidy() {
    [ -z "$child" ] || kill "$child" 2>/dev/null || true
    [ -z "$notice" ] || kill "$notice" 2>/dev/null || true
    [ -z "$log" ] || rm -f "$log"
    [ -z "$folder" ] || rm -rf "$folder"
}
trap tidy EXIT

# Puts the Swift toolchain's folder on PATH.
find_swift() {
    command -v swift >/dev/null && return
    local folder
    for folder in "${SWIFTLY_BIN_DIR:-}" "${HOME:-}/.local/share/swiftly/bin" "${HOME:-}/.swiftly/bin" \
        /opt/swift*/usr/bin /usr/share/swift/usr/bin /usr/local/swift*/usr/bin /usr/libexec/swift/bin; do
        if [ -x "$folder/swift" ]; then
            export PATH="$folder:$PATH"
            return
        fi
    done
    fail 2 "no Swift toolchain on PATH, in /opt/swift or /usr/share/swift: install Swift 6.1 or newer, see https://www.swift.org/install/linux"
}

# Sets LOCKSTEP_FUZZING to libFuzzer's library without a main of its own, for Package.swift.
find_fuzzer() {
    local swift library
    swift="$(readlink -f "$(command -v swiftc)")"
    for library in "${swift%/bin/*}"/lib/clang/*/lib/*/libclang_rt.fuzzer_no_main*"$(uname -m)".a; do
        if [ -e "$library" ]; then
            export LOCKSTEP_FUZZING="$library"
            return
        fi
    done
    fail 2 "this Swift toolchain has no libFuzzer: install one from https://www.swift.org/install/linux"
}

# What building and running need; a script that needs more adds to it.
packages=(openmpi-bin libopenmpi-dev libopenblas-dev libpng-dev libtiff-dev libjpeg-dev libssl-dev libzip-dev pkg-config git ca-certificates)

# Installs the packages that are missing, or says how.
install_packages() {
    if ! command -v dpkg-query >/dev/null; then
        # Not a Debian: whoever has the libraries can go on all the same.
        if command -v mpirun >/dev/null && command -v git >/dev/null &&
            pkg-config --exists ompi-c openblas libpng libtiff-4 libjpeg libcrypto libzip 2>/dev/null; then
            return
        fi
        fail 2 "this system has no apt: install Open MPI, OpenBLAS, libpng, libtiff, libjpeg, OpenSSL and libzip with their headers, pkg-config and git"
    fi

    local missing=() package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        elif command -v sudo >/dev/null && [ -t 0 ] && [ -t 2 ] && sudo -v; then
            as_root=(sudo -n)
        else
            fail 2 "packages are missing and this user may not install them: sudo apt-get install -y ${missing[*]}"
        fi
    fi
    say "installing ${missing[*]}"
    quietly "${as_root[@]}" apt-get update -qq ||
        fail 1 "apt-get update failed, see above: check the network, then run sudo apt-get install -y ${missing[*]}"
    quietly "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq -o DPkg::Lock::Timeout=300 "${missing[@]}" ||
        fail 1 "apt-get could not install what is missing, see above: sudo apt-get install -y ${missing[*]}"
}

# Whether .build was made where this clone does not lie any more, or by the clone that this one is a copy of: SwiftPM
# and the compilers write absolute paths into plans and modules, and a build over those fails in ways that say nothing of
# it. Plans are written anew by such a failed build; what was compiled still says where.
build_is_elsewheres() {
    local place
    while read -r place; do
        case "$place" in
            /*) [ "$place/.build" -ef "$root/.build" ] || return 0 ;;
        esac
    done < <(find "$root/.build" -maxdepth 4 -name '*.d' -exec \
        awk 'FNR == 1 && /\/\.build\// { sub(/\/\.build\/.*/, ""); gsub(/\\ /, " "); print }' {} + 2>/dev/null | sort -u)
    return 1
}

# Shows how far a build has come, by its log: the compiler's own words, in one line that a terminal draws again, or in a
# line now and then elsewhere. Nothing where nothing is compiled. Ends with the log's removal: follow_build LOG
follow_build() {
    local line shown='' last=-60 columns=
    if [ -t 2 ]; then
        columns="$(stty size <&2 2>/dev/null | cut -d ' ' -f 2 || true)"
        case "$columns" in '' | 0) columns=80 ;; esac
    fi
    # Who kills the script with SIGKILL ends this too.
    while [ -e "$1" ] && kill -0 "$$" 2>/dev/null; do
        sleep 0.2
        line="$(grep -E '^(Fetching |\[[0-9]+/[0-9]+\] (Compiling|Linking|Emitting) )' "$1" 2>/dev/null |
            grep -v ' plugin ' | tail -n 1 || true)"
        if [ -z "$line" ] || [ "$line" = "$shown" ]; then continue; fi
        [ -n "$shown" ] || say "building with swift build: three to six minutes the first time"
        shown="$line"
        if [ -n "$columns" ]; then
            line="${line//[[:cntrl:]]/?}"
            printf '\r\033[K%s' "${line:0:columns - 1}" >&2 2>/dev/null || true
        elif [ "$((SECONDS - last))" -ge 20 ]; then
            last="$SECONDS"
            say "$line"
        fi
    done
    [ -z "$shown" ] || [ -z "$columns" ] || printf '\r\033[K' >&2 2>/dev/null || true
}

# Builds with `swift build -c release` and the options given, and shows how that gets on.
build() {
    local status=0
    if build_is_elsewheres; then
        say "this clone was moved or copied: building it anew"
        # The downloaded dependencies have no absolute paths and stay.
        find "$root/.build" -mindepth 1 -maxdepth 1 ! -name checkouts ! -name repositories ! -name workspace-state.json \
            ! -name artifacts -exec rm -rf {} +
    fi
    log="$(mktemp)"
    follow_build "$log" &
    notice=$!
    quietly swift build -c release --package-path "$root" "$@" || status=$?
    wait "$notice" 2>/dev/null || true
    notice=
    [ "$status" -eq 0 ] || fail 1 "the build failed, see above"
}

# What Open MPI and OpenBLAS need to know on this machine, whoever starts mpirun: a script, a test or the program.
prepare_environment() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # A system call filter (a container's) may forbid one process to read another's memory. Open MPI would say so for
    # every message; without that way it copies through shared memory.
    if grep -qs '^Seccomp:[[:space:]]*2' /proc/self/status; then
        export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
    fi
    export OPENBLAS_NUM_THREADS=1
}
