#!/bin/sh
# Installs the named Debian packages as root and leaves no service running or enabled that was not before.
set -eu

policy=/usr/sbin/policy-rc.d
saved=$policy.saved-by-cs-harness
work=$(mktemp -d)

# Enabling a service means making such a link, with systemd and without it, whichever of them is there.
enabled() {
    find /etc/systemd/system /etc/rc[0-6S].d -type l ! -path '/etc/rc?.d/K*' ! -lname /dev/null 2>/dev/null | sort
}

restore_policy() {
    if [ -e "$saved" ] || [ -L "$saved" ]; then
        mv -f "$saved" "$policy"
    elif grep -qs cs-harness "$policy"; then
        rm -f "$policy"
    fi
}

disable_new() {
    enabled | comm -13 "$work/enabled-before" - >"$work/enabled-now"
    while read -r link; do
        case $link in
        /etc/rc*) # turned into a K link and not removed: the next upgrade of the package would make it again
            name=${link##*/S[0-9][0-9]}
            update-rc.d "$name" disable ;;
        # Not `systemctl disable`: it would go on to units that the unit names in Also=, which may have been enabled before.
        *) rm -f "$link" ;;
        esac
    done <"$work/enabled-now"
    if [ -s "$work/enabled-now" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

# The shell gets to its traps after apt-get has ended: a package manager is not cut off in the middle.
finish() {
    status=$?
    trap '' INT TERM HUP
    disable_new || status=1
    restore_policy
    rm -rf "$work"
    exit "$status"
}

exec 9</usr/sbin # the lock: two of these at once would take each other's policy for their own
flock 9
restore_policy # what a killed installation may have left
enabled >"$work/enabled-before"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$saved"; fi
printf '#!/bin/sh\n# Temporary, by cs-harness: no service starts while its packages are being installed.\nexit 101\n' >"$policy"
chmod 755 "$policy"

# NEEDRESTART_SUSPEND: Ubuntu would restart services that the new libraries do not concern.
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
quietly() { "$@" </dev/null >"$work/log" 2>&1; }
install() { quietly apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold install -y --no-install-recommends "$@"; }

# apt-get refuses to work as long as an installation that was killed is unfinished.
if [ -n "$(ls /var/lib/dpkg/updates)" ]; then quietly dpkg --configure -a --force-confold || :; fi
install "$@" || { quietly apt-get -o DPkg::Lock::Timeout=120 update && install "$@"; } || {
    tail -n 5 "$work/log" >&2
    exit 1
}
