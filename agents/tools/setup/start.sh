#!/bin/sh
# Starts the broker and all daemons of this folder, and stops them at Ctrl-C. What each says stands in log/.
here=$(cd "$(dirname "$0")" && pwd)
gridpact=@GRIDPACT@
mosquitto=@MOSQUITTO@
mkdir -p "$here/log"
started=
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
}

start broker "$mosquitto" -c "$here/mosquitto/mosquitto.conf"
echo $! >"$here/run/broker.pid"
for name in @DAEMONS@; do
    start "$name" "$gridpact" run "${name%%-*}" --config "$here/$name.toml"
done
start authority "$gridpact" ca serve "$here/mosquitto" --broker "$here/bundles/authority/broker.toml"
echo "started; look with: gridpact status --control $here/run (Ctrl-C here stops everything)"
wait
