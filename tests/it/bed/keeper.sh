#!/bin/sh
# Starts the servers of one test process, and ends them when it ends.
#
# $1 is the directory of the bed. Each line on standard input is the name of a
# script in run/ to start, in a session of its own. End of input means that the
# test process is gone: finished, failed, or killed, it makes no difference,
# because the system closes its end of the pipe in every case. This script runs
# in a session of its own too, so an interrupt at the terminal does not reach it.
dir=$1
started=
postgres=
# The servers' users must get into what we make, whatever our caller prefers.
umask 022
cd / || exit 1

# What is still alive of ours: every process of a session we started, and every
# process that works inside our directory (PostgreSQL's have sessions of their own).
ours() {
  {
    for leader in $started; do ps -o pid=,stat= -s "$leader"; done | awk '$2 !~ /^Z/ { print $1 }'
    find /proc/[0-9]*/cwd -maxdepth 0 \( -lname "$dir" -o -lname "$dir/*" \) 2>/dev/null | cut -d/ -f3
  } | sort -u
}

finish() {
  trap '' TERM INT HUP
  for leader in $started; do kill -s TERM -- "-$leader" 2>/dev/null; done
  # Its data is thrown away, so PostgreSQL need not write it down first.
  [ -z "$postgres" ] || kill -s QUIT "$postgres" 2>/dev/null
  round=0
  while left=$(ours) && [ -n "$left" ] && [ "$round" -lt 100 ]; do
    # shellcheck disable=SC2086 # a list of process ids
    [ "$round" -lt 40 ] || kill -s KILL $left 2>/dev/null
    sleep 0.05
    round=$((round + 1))
  done
  [ -e "$dir/keep" ] || rm -rf "$dir"
  exit 0
}
trap finish TERM INT HUP

while read -r name; do
  setsid sh "$dir/run/$name.sh" >>"$dir/log/$name.out" 2>&1 </dev/null &
  started="$started $!"
  echo "$!" >"$dir/run/$name.pid"
  [ "$name" != postgres ] || postgres=$!
done
finish
