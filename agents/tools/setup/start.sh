#!/bin/sh
# Starts the broker and all daemons of this folder, and stops them at Ctrl-C. What each says stands in log/. When one of
# them ends by itself, it says which, shows the end of its log, and stops the others.
here=$(cd "$(dirname "$0")" && pwd)
gridpact=@GRIDPACT@
mosquitto=@MOSQUITTO@
mkdir -p "$here/log"
started=
names=
stop() {
    trap - INT TERM EXIT
    [ -z "$started" ] || kill $started 2>/dev/null
    wait
}
trap 'stop; exit 130' INT
trap 'stop; exit 0' TERM
trap stop EXIT

start() { # NAME COMMAND...
    name=$1
    shift
    "$@" >>"$here/log/$name.log" 2>&1 &
    started="$started $!"
    names="$names $!=$name"
}

start broker "$mosquitto" -c "$here/mosquitto/mosquitto.conf"
echo $! >"$here/run/broker.pid"
for name in @DAEMONS@; do
    start "$name" "$gridpact" run "${name%%-*}" --config "$here/$name.toml"
done
start authority "$gridpact" ca serve "$here/mosquitto" --broker "$here/bundles/authority/broker.toml"
echo "started; look with: gridpact status --control $here/run (Ctrl-C here stops everything)"
while :; do
    for one in $names; do
        if ! kill -0 "${one%%=*}" 2>/dev/null; then
            name=${one#*=}
            echo "$name has ended, so everything is stopped. The end of $here/log/$name.log:" >&2
            tail -n 3 "$here/log/$name.log" >&2
            stop
            exit 1
        fi
    done
    sleep 1 &
    wait $!
done
