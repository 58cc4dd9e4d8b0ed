# Looks into a KVM host and prints what it saw, one part after another, each under a line "@MARK part".
# $1 look | guest | agent | cpu | facts | names | fleet   $2 mark (random)   $3 domain   $4 guest agent timeout, s
# $5 what the guest agent is to execute (agent); seconds to wait for the agent, if it is not there yet (look, guest);
#    the domains to look at with blanks between them, or * (fleet)
# $6 yes: the guests are asked too (fleet)
# HARNESS_SYSROOT, when set, stands before /sys/fs/cgroup, /proc and /run (hosts that are not the whole machine).
LC_ALL=C
export LC_ALL
mark=$2 domain=$3 agent_s=$4 root=${HARNESS_SYSROOT:-}

part() { printf '\n@%s %s\n' "$mark" "$1"; }

# virsh takes several commands in one argument, goes on after one that failed and returns the last one's status. Its
# error lines go to the same stream (virsh flushes between the two), so each lands under the mark of its own part.
virsh_all() { virsh -c qemu:///system -q "$1" 2>&1 </dev/null; }
then_part() { printf "; echo '\n@%s %s\n'; " "$mark" "$1"; }
agent() { printf "qemu-agent-command --domain %s --timeout %s '{\"execute\":\"%s\"}'" "$domain" "$agent_s" "$1"; }

value() {
    if read -r got 2>/dev/null <"$2"; then printf '%s %s\n' "$1" "$got"; else printf 'unreadable %s\n' "$2"; fi
}

# Finds the domain's cgroup: version, mount, scope (where systemd keeps the weight) and group, which is the nested
# "libvirt" one where there is such (libvirt >= 7.1 with systemd) and holds the vCPUs.
find_group() {
    version= pidfile=$root/run/libvirt/qemu/$domain.pid pid=
    read -r pid 2>/dev/null <"$pidfile"
    if [ -z "$pid" ]; then printf 'reason no QEMU pid in %s\n' "$pidfile"; return; fi
    if ! [ -r "$root/proc/$pid/cgroup" ]; then printf 'reason cannot read /proc/%s/cgroup\n' "$pid"; return; fi
    v1= v2= controllers=
    while IFS=: read -r number names path; do
        case ",$names," in
            *,cpu,*) v1=$path controllers=$names ;;
            ,,) [ "$number" = 0 ] && v2=$path ;;
        esac
    done <"$root/proc/$pid/cgroup"
    group=${v1:-$v2}
    group=${group%/emulator}
    scope=${group%/libvirt}
    top=$root/sys/fs/cgroup
    if [ -n "$v1" ]; then
        version=1 mount=$top/cpu
        [ -d "$mount$scope" ] || mount=$top/$controllers
    elif [ -n "$v2" ]; then
        version=2 mount=$top
        [ -d "$mount$scope" ] || mount=$top/unified
    else
        printf 'reason /proc/%s/cgroup names no cpu controller\n' "$pid"
    fi
}

cgroup() {
    find_group
    [ -n "$version" ] || return
    printf 'version %s\n' "$version"
    if [ "$version" = 1 ]; then
        value weight "$mount$scope/cpu.shares"
        for vcpu in "$mount$group"/vcpu[0-9]*; do
            [ -d "$vcpu" ] || continue
            value "quota ${vcpu##*/vcpu}" "$vcpu/cpu.cfs_quota_us"
            value "period ${vcpu##*/vcpu}" "$vcpu/cpu.cfs_period_us"
        done
    else
        value weight "$mount$scope/cpu.weight"
        for vcpu in "$mount$group"/vcpu[0-9]*; do
            [ -d "$vcpu" ] && value "max ${vcpu##*/vcpu}" "$vcpu/cpu.max"
        done
    fi
}

# The destination of a live migration is a QEMU that was started to wait for one, and so is one that goes on from a saved
# state; the domain's state tells which.
process() {
    if ! [ -r "$root/proc/$pid/cmdline" ]; then printf 'error: cannot read /proc/%s/cmdline\n' "$pid"; return; fi
    if tr '\0' '\n' <"$root/proc/$pid/cmdline" | grep -qx -e -incoming; then echo incoming; else echo started; fi
}

throttled() {
    find_group
    for vcpu in "$mount$group"/vcpu[0-9]*; do
        [ -r "$vcpu/cpu.stat" ] || continue
        while read -r name count; do
            [ "$name" = nr_throttled ] && printf 'throttled %s %s\n' "${vcpu##*/vcpu}" "$count"
        done <"$vcpu/cpu.stat"
    done
}

# What asks the agent; $1 is what virsh is to do before, in the same process.
look() {
    virsh_all "$1dumpxml --domain $domain$(then_part list)list --all --name$(then_part state)domstate --domain \
$domain --reason$(then_part scheduler)schedinfo --domain $domain$(then_part vcpus)vcpucount --domain \
$domain$(then_part guest_cpus)$(agent guest-get-vcpus)"
}
guest_cpus() { virsh_all "$1$(agent guest-get-vcpus)"; }

# Where no agent answered, the same once more after a wait. libvirt tells when an agent connects, and a virsh that
# cannot wait for that goes on at once.
once_answered() { # once_answered ASKING FIRST-PART SECONDS
    part "$2"
    "$1" && return
    [ -n "$3" ] || return
    part waited
    "$1" "event --domain $domain --event agent-lifecycle --timeout $3$(then_part "$2")"
}

# The agent is asked for the rest only when it answered once: one that hangs costs one timeout, not three.
guest_rest() {
    part blocks
    virsh_all "$(agent guest-get-memory-blocks)$(then_part block_size)$(agent guest-get-memory-block-info)"
}

facts() {
    part nodeinfo
    virsh_all "nodeinfo$(then_part version)version"
    part cgroup_type
    stat -fc %T "$root/sys/fs/cgroup/" 2>&1
    part kernel
    uname -r
}

# Every running domain that is wanted, many to one virsh: its process costs more than what it is asked. Parts are
# numbered as the list is. A name that a parser could take for more than a name is listed and not looked at.
fleet() {
    wanted=$1 guests=$2 number=0 many=0 batch=
    part list
    listed=$(virsh_all "list --name")
    printf '%s\n' "$listed"
    case $listed in error:*) return ;; esac
    newline='
'
    while read -r domain; do
        case $domain in '') continue ;; esac
        number=$((number + 1))
        case $domain in [!A-Za-z0-9]* | *[!A-Za-z0-9._:+@-]*) continue ;; esac
        case " $wanted " in ' * ' | *" $domain "*) ;; *) continue ;; esac
        mark_of="; echo '$newline@$mark"
        batch="$batch$mark_of domain_$number$newline'; dumpxml --domain $domain"
        batch="$batch$mark_of scheduler_$number$newline'; schedinfo --domain $domain"
        if [ "$guests" = yes ]; then
            for asked in vcpus memory-blocks memory-block-info; do
                batch="$batch$mark_of ${asked%%-*}_${asked##*-}_$number$newline'; qemu-agent-command --domain $domain \
--timeout $agent_s '{\"execute\":\"guest-get-$asked\"}'"
            done
        fi
        many=$((many + 1))
        if [ "$many" -ge 40 ]; then virsh_all "${batch#; }"; many=0 batch=; fi
    done <<LISTED
$listed
LISTED
    [ -z "$batch" ] || virsh_all "${batch#; }"
    part since
    # A QEMU process is as old as the file of its number.
    stat -c '%Y %n' "$root/run/libvirt/qemu/"*.pid 2>/dev/null
}

if ! command -v virsh >/dev/null 2>&1; then part no_virsh; part end; exit 0; fi

case $1 in
    look)
        if once_answered look domain "$5"; then guest_rest; fi
        part cgroup
        cgroup
        part process
        process
        ;;
    guest) if once_answered guest_cpus guest_cpus "$5"; then guest_rest; fi ;;
    agent)
        part answer
        virsh_all "qemu-agent-command --domain $domain --timeout $agent_s '$5'"
        ;;
    cpu)
        part uptime
        cat /proc/uptime
        part stats
        virsh_all "domstats --vcpu --domain $domain"
        part throttled
        throttled
        part uptime_after
        cat /proc/uptime
        ;;
    facts) facts ;;
    fleet)
        # What virsh prints comes in many small pieces, each of which would be a packet, and is much alike.
        if command -v gzip >/dev/null 2>&1; then
            { facts; fleet "$5" "$6"; part end; } | gzip -1
            exit 0
        fi
        facts
        fleet "$5" "$6"
        ;;
    names)
        part list
        virsh_all "list --name"
        ;;
esac
part end
