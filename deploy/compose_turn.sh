# One at a time: what starts and stops the containers of a project. Read by compose_up.sh, recover.sh, restore.sh and
# fail_back.sh, which have read env_file.sh, and end by "fail STATUS SENTENCE".

# find_project [CONFIG]: the project's name, by what compose makes of its files.
find_project() {
    local project
    project=$(sed -n 's/^name: *//p' <<<"${1:-$($compose config 2>/dev/null || true)}")
    project=${project:-$(given COMPOSE_PROJECT_NAME)}
    echo "${project:-$(basename "$PWD" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-')}"
}

# Two at once would each take the other's new containers for old ones. A file that others may open, too.
take_turn() {
    local project=${project:-} lock
    project=${project:-$(find_project)}
    lock=/tmp/gatepost-make-up.$project.lock
    [ -e "$lock" ] || (umask 0; set -o noclobber; : >"$lock") 2>/dev/null || true
    exec 9<"$lock"
    flock --nonblock 9 || fail 1 "Another make up of $project is running, or something else that starts and stops containers: wait until it has ended."
}

leave_turn() {
    exec 9<&-
}
