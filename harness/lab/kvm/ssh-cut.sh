#!/bin/sh
# ssh-cut.sh SIZE: runs what a client asked sshd for and ends the connection after the first SIZE bytes of its output.
sh -c "$SSH_ORIGINAL_COMMAND" | head -c "$1"
# They have to get through sshd first, and nothing tells when they have.
sleep 0.1
process=$$
while read -r name <"/proc/$process/comm"; do
    case $name in sshd*) kill -s KILL "$process" ;; esac
    while read -r key value; do
        case $key in PPid:) process=$value ;; esac
    done <"/proc/$process/status"
done
