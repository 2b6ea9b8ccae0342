# shellcheck shell=bash disable=SC2154 # shared variables: launch/soak reads and sets them
# Power cuts: an ext4 on a loop device is shut down without writing its journal, so that what was not synced is gone, and
# mounted again. Sourced by launch/soak, after kills.sh.

disk=
# What may be left of a file system when the script ends.
release_disk() {
    if [ -n "$disk" ]; then
        pkill -KILL -f -- "$disk" 2>/dev/null || true
        sleep 0.2
        umount -l "$disk" 2>/dev/null || true
    fi
    disk=
    tidy
}

# Makes and mounts the file system; fails where the machine does not permit it. The journal is written each second, so that
# what was not synced is lost in part: names without their content, say.
make_disk() {
    mkdir -p "$folder/disk"
    truncate -s 200M "$folder/image"
    mkfs.ext4 -q -F "$folder/image" && mount -o loop,commit=1 "$folder/image" "$folder/disk" && disk="$folder/disk"
}

# EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH (fs/ext4/ext4.h): the disk takes nothing from here on.
cut_power() {
    # shellcheck disable=SC2016 # Perl's variables
    perl -e 'open(my $file, "<", $ARGV[0]) or die; my $flags = pack("L", 2); ioctl($file, 0x8004587D, $flags) or die "$!\n"' "$1"
}

# Goes through a cut: everything is killed, and the file system mounted again as the journal has it.
restore_power() {
    await_end "$disk" >/dev/null
    umount "$disk" && mount -o loop,commit=1 "$folder/image" "$disk"
}

soak_cuts() {
    local begin=$SECONDS before total="${count:-100}" cuts=0 runs=0 pictures=0 repeat words workers last status number predicting
    before="$(count_findings)"
    repeat="launch/soak cuts --count $total --seed $seed"
    if ! command -v mkfs.ext4 >/dev/null || ! make_disk 2>"$folder/why"; then
        echo "no power cuts here: they need root, mkfs.ext4 and a loop device ($(head -n 1 "$folder/why" 2>/dev/null))"
        return 0
    fi
    trap release_disk EXIT
    cd "$folder/place" || return
    quietly "$program" train task.yaml --output reference "${kill_settings[@]}"
    reference="$(weights_of reference)"
    predicting=(predict "$folder/place/reference" --input "$folder/many" --probabilities --instances --overlay)
    mkdir "$folder/many"
    for number in {1..100}; do cp "cells/images/cell-000$((1 + number % 4)).png" "$folder/many/$number.png"; done
    quietly "$program" "${predicting[@]}" --output "$folder/pictures"
    cp -r cells task.yaml "$disk"
    cd "$disk" || return
    sync -f "$disk"
    while [ "$cuts" -lt "$total" ]; do
        cuts=$((cuts + 1))
        # Every third is a prediction's.
        if [ $((cuts % 3)) -eq 0 ]; then
            words=("${predicting[@]}" --output "$disk/pictures")
            workers=0
        else
            training_words task.yaml "$disk/run" "${kill_settings[@]}"
            workers=$((RANDOM % 3))
        fi
        # A shell between, which is not killed and keeps bash's word on that to itself.
        ( (launch_training "$workers" '' "${words[@]}") || true) >"$folder/output" 2>&1 </dev/null &
        child=$!
        sleep "$((RANDOM % 3)).$((RANDOM % 10))$((RANDOM % 10))"
        cut_power "$disk" 2>"$folder/why" || fail 1 "the file system cannot be shut down: $(cat "$folder/why")"
        pkill -KILL -f -- "$disk" || true
        wait "$child" 2>/dev/null || true
        child=
        cd "$folder" || return
        restore_power || fail 1 "the file system cannot be mounted again after cut $cuts"
        cd "$disk" || return
        while IFS= read -r last; do
            finding "cut $cuts: $last" "$repeat"
        done < <(check_checkpoints "$disk/run")
        status=0
        if [ $((cuts % 3)) -eq 0 ]; then
            "$program" "${words[@]}" >"$folder/output" 2>&1 || status=$?
            [ "$status" -eq 0 ] || finding "a prediction after cut $cuts ends with $status: $(tail -n 1 "$folder/output")" "$repeat"
            last="$(compare_pictures "$folder/pictures" pictures)"
            [ -z "$last" ] || finding "a prediction after cut $cuts: $last" "$repeat"
            pictures=$((pictures + 1))
            rm -rf pictures
        fi
        last="$(weights_of run)"
        [ "$cuts" -eq "$total" ] || [ "${last%% *}" = "${reference%% *}" ] || continue
        training_words task.yaml "$disk/run" "${kill_settings[@]}"
        "$program" "${words[@]}" >"$folder/output" 2>&1 || finding "a resume after cut $cuts ends with $?: $(tail -n 1 "$folder/output")" "$repeat"
        last="$(weights_of run)"
        [ "$last" = "$reference" ] || finding "the run ended with ${last:-nothing that can be read}, not with $reference" "$repeat"
        check_log run/metrics.jsonl "$repeat"
        last="$(find run -name '*.part*' | head -n 1)"
        [ -z "$last" ] || finding "$last is left" "$repeat"
        rm -rf run
        runs=$((runs + 1))
    done
    cd "$folder" || return
    umount "$disk"
    disk=
    rm -rf "$folder/place/reference"
    verdict "$cuts power cuts, $runs whole runs with the SHA-256 ${reference#* }, $pictures predictions in $((SECONDS - begin)) s" "$before"
}

# A log has every step once: check_log FILE COMMAND
check_log() {
    local wanted found
    wanted="${reference%% *}"
    found="$(grep '"event":"train"' "$1" | grep -o '"step":[0-9]*' | sort -u | wc -l)"
    [ "$found" -eq "$wanted" ] || finding "$((wanted - found)) of $wanted steps are missing in the log" "$2"
}
