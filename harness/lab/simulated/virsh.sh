#!/bin/sh
# virsh of a simulated host: answers from the files that the lab renders before each command.
# As the real one it takes several commands in one argument, goes on after one that failed and returns the last status.
files=${HARNESS_SYSROOT:?}/virsh
if [ -e "$files/libvirtd-away" ]; then
    cat "$files/libvirtd-away" >&2
    exit 1
fi

while [ $# -gt 0 ]; do
    case $1 in
        -c | --connect) shift 2 ;;
        -*) shift ;;
        *) break ;;
    esac
done

# Sets dir to the files of the domain named by the arguments; remaining options are passed over.
find_domain() {
    domain=
    while [ $# -gt 0 ]; do
        case $1 in
            --domain) domain=$2; shift ;;
            --timeout) shift ;;
            --*) ;;
            *) [ -n "$domain" ] || domain=$1 ;;
        esac
        shift
    done
    dir=$files/$domain
    [ -n "$domain" ] && [ -d "$dir" ] && return
    printf "error: failed to get domain '%s'\n" "$domain" >&2
    return 1
}
# What a domain says is kept as a command that prints it: no process for each of the many commands of one virsh.
show() { . "$dir/$1"; printf '\n'; }
dumpxml() { find_domain "$@" && show dumpxml; }
schedinfo() { find_domain "$@" && show schedinfo; }
vcpucount() { find_domain "$@" && show vcpucount; }
domstate() { find_domain "$@" && show domstate; }
domstats() { find_domain "$@" && show domstats; }
list() {
    case " $* " in
        *" --name "*) cat "$files/names" ;;
        *) printf ' Id   Name   State\n----------------------\n'; while read -r name; do printf ' -    %s   running\n' "$name"; done <"$files/names" ;;
    esac
    printf '\n'
}
nodeinfo() { cat "$files/nodeinfo"; printf '\n'; }
version() { cat "$files/version"; printf '\n'; }
uri() { printf 'qemu:///system\n\n'; }
echo() { printf '%s' "$*"; }
# The guest has one program, timeout, and whatever that is to end keeps a vCPU busy until then. The lab learns of it from
# the file when it renders the next time.
guest_exec() {
    case $1 in
        *'"path":"timeout","arg":["-s","KILL","'*) seconds=${1#*'"KILL","'} seconds=${seconds%%'"'*} ;;
        *)
            printf 'error: internal error: unable to execute QEMU agent command '"'guest-exec'"': Failed to execute child process\n' >&2
            return 1
            ;;
    esac
    read -r now rest </proc/uptime
    mkdir -p "$files/guest-exec"
    printf '%s %s\n' "$now" "$seconds" >>"$files/guest-exec/$domain"
    mkdir -p "$files/guest-exec-status"
    printf '%s\n' "$((${now%.*} + seconds))" >"$files/guest-exec-status/$domain.$$"
    printf '{"return":{"pid":%s}}\n\n' "$$"
}
guest_exec_status() {
    pid=${1#*'"pid":'} pid=${pid%%'}'*}
    if ! read -r end 2>/dev/null <"$files/guest-exec-status/$domain.$pid"; then
        printf "error: internal error: unable to execute QEMU agent command 'guest-exec-status': Invalid parameter 'pid'\n" >&2
        return 1
    fi
    read -r now rest </proc/uptime
    if [ "${now%.*}" -lt "$end" ]; then
        printf '{"return":{"exited":false}}\n\n'
    else
        printf '{"return":{"exited":true,"signal":9}}\n\n'
    fi
}
agent_command() {
    find_domain "$@" || return
    for whole; do :; done
    request=$whole
    case $request in
        *\"execute\":\"*) request=${request#*\"execute\":\"} request=${request%%\"*} ;;
        *) printf 'error: internal error: malformed request\n' >&2; return 1 ;;
    esac
    if ! [ -e "$dir/guest-ping" ]; then
        printf 'error: Guest agent is not responding: QEMU guest agent is not connected\n' >&2
        return 1
    fi
    case $request in
        guest-exec) guest_exec "$whole"; return ;;
        guest-exec-status) guest_exec_status "$whole"; return ;;
    esac
    if ! [ -e "$dir/$request" ]; then
        printf "error: internal error: unable to execute QEMU agent command '%s': The command has not been found\n" "$request" >&2
        return 1
    fi
    show "$request"
}
# A guest answers from its start, or somebody has taken its agent away: nothing is worth waiting for.
event() { printf 'event loop timed out\nevents received: 0\n'; return 1; }
# A function's name cannot have hyphens.
alias qemu-agent-command=agent_command

if [ $# -eq 1 ]; then
    eval "$1"
    exit
fi
command=$1
shift
case $command in
    dumpxml | schedinfo | vcpucount | domstate | domstats | list | nodeinfo | version | uri | echo) "$command" "$@" ;;
    qemu-agent-command) agent_command "$@" ;;
    *) printf "error: unknown command: '%s'\n" "$command" >&2; exit 1 ;;
esac
